import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NotKafkaError, ResponseBufferPool, ResponseReceiver } from './response-receiver.ts'

function framed(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(message.length)
  return Buffer.concat([length, message])
}

const messages = fc.array(fc.uint8Array({ minLength: 4, maxLength: 300 }), { minLength: 1, maxLength: 6 })

describe('ResponseReceiver', () => {
  test('puts responses together, whatever pieces their bytes come in', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, pieces) => {
        const receiver = new ResponseReceiver(new ResponseBufferPool(100))
        const stream = Buffer.concat(sent.map(framed))
        const received: Buffer[] = []
        for (let position = 0, i = 0; position < stream.length; i++) {
          const space = receiver.space()
          expect(space.length).toBeGreaterThan(0)
          const copied = stream.copy(space, 0, position, position + (pieces[i % pieces.length] ?? 1))
          position += copied
          const response = receiver.received(copied)
          if (response !== undefined) received.push(Buffer.from(response.message))
          response?.release()
        }
        expect(received).toEqual(sent.map((message) => Buffer.from(message)))
      }),
    )
  })

  test('takes chunks as TLS gives them', () => {
    const receiver = new ResponseReceiver(new ResponseBufferPool(1000))
    const [first, second] = [Buffer.alloc(200, 1), Buffer.alloc(300, 2)]
    const stream = Buffer.concat([framed(first), framed(second)])
    expect([...receiver.append(stream.subarray(0, 350))].map(({ message }) => message)).toEqual([first])
    expect([...receiver.append(stream.subarray(350))].map(({ message }) => message)).toEqual([second])
  })

  test('a response keeps its buffer until it is released', () => {
    const receiver = new ResponseReceiver(new ResponseBufferPool(1000))
    const [first] = receiver.append(framed(Buffer.from('first')))
    const [second] = receiver.append(framed(Buffer.from('2nd..')))
    expect(String(first?.message)).toBe('first')
    expect(second?.message.buffer).not.toBe(first?.message.buffer)
    first?.release()
    const [third] = receiver.append(framed(Buffer.from('third')))
    expect(third?.message.buffer).toBe(first?.message.buffer)
    expect(String(second?.message)).toBe('2nd..')
  })

  test.each([
    ['an alert of a TLS server', Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02])],
    ['an HTTP answer', Buffer.from('HTTP/1.1 400')],
    ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ])('%s is no response', (_, bytes) => {
    const receiver = new ResponseReceiver(new ResponseBufferPool(1000))
    expect(() => [...receiver.append(bytes)]).toThrow(NotKafkaError)
  })
})
