import { Kafka, logLevel, type Message } from 'kafkajs'
import { BrokerProcess } from './broker-process.ts'
import { commandLine } from './command-line.ts'
import { type Ended, HeadraceProcess } from './headrace-process.ts'

/** A broker, and the command line pointed at it from a folder that knows nothing else. */
export class KafkaCommands {
  readonly broker: BrokerProcess
  readonly folder: string
  /** A client that nobody here wrote, to look at what the commands have done. */
  readonly peer: Kafka

  private constructor(broker: BrokerProcess, folder: string) {
    this.broker = broker
    this.folder = folder
    this.peer = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING, retry: { retries: 2 } })
  }

  static async start(folder: string): Promise<KafkaCommands> {
    return new KafkaCommands(await BrokerProcess.start(`${folder}/broker`), folder)
  }

  /** The broker anew, on the same data and port. */
  async restarted(port: number): Promise<KafkaCommands> {
    return new KafkaCommands(await BrokerProcess.start(`${this.folder}/broker`, { port }), this.folder)
  }

  get env(): Readonly<Record<string, string>> {
    return { HEADRACE_BOOTSTRAP: this.broker.address }
  }

  run(...args: string[]): Promise<Ended> {
    return commandLine(args, this.env)
  }

  /** Runs a command that must succeed, and gives its one JSON document. */
  // biome-ignore lint/suspicious/noExplicitAny: documents differ from command to command
  async json(...args: string[]): Promise<any> {
    const { code, stdout, stderr } = await this.run(...args, '--json')
    if (code !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`)
    return JSON.parse(stdout)
  }

  /** The same as a process of its own. */
  begin(args: readonly string[]): HeadraceProcess {
    return new HeadraceProcess(args, { cwd: this.folder, env: this.env })
  }

  /** Sends records with the peer. */
  async send(topic: string, messages: readonly Message[]): Promise<void> {
    const producer = this.peer.producer()
    await producer.connect()
    await producer.send({ topic, messages: [...messages] })
    await producer.disconnect()
  }
}
