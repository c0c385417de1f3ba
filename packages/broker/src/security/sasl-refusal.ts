/** A client that has not proven who it is. The message is sent to it, and says nothing of which users there are. */
export class SaslRefusal extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SaslRefusal'
  }
}
