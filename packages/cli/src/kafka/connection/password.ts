import { openSync } from 'node:fs'
import { ReadStream, WriteStream } from 'node:tty'
import { PasswordMissingError } from '../errors.ts'

const ENTER = new Set(['\r', '\n', '\u0004'])
const CTRL_C = '\u0003'
const ERASE = new Set(['\u007f', '\b'])
const INTERRUPTED = 130

/** Asks for a password at the terminal without showing it, whatever stdin is. Throws KAFKA_PASSWORD_MISSING without one. */
export async function askPassword(username: string): Promise<string> {
  const terminal = openTerminal()
  if (terminal === undefined) throw new PasswordMissingError({ username })
  const { input, output } = terminal
  output.write(`Password for ${username}: `)
  try {
    return await readHidden(input, () => output.write('\n'))
  } finally {
    output.write('\n')
    input.setRawMode(false)
    input.destroy()
    output.destroy()
  }
}

function openTerminal(): { input: ReadStream; output: WriteStream } | undefined {
  try {
    return { input: new ReadStream(openSync('/dev/tty', 'r')), output: new WriteStream(openSync('/dev/tty', 'w')) }
  } catch (error) {
    // No terminal belongs to this process: a service, a container, CI.
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

function readHidden(input: ReadStream, endLine: () => void): Promise<string> {
  input.setRawMode(true)
  input.setEncoding('utf8')
  let typed = ''
  return new Promise((resolve, reject) => {
    input.on('error', reject)
    input.on('data', (text: string) => {
      for (const character of text) {
        if (ENTER.has(character)) return resolve(typed)
        if (character === CTRL_C) {
          input.setRawMode(false)
          endLine()
          process.exit(INTERRUPTED)
        }
        typed = ERASE.has(character) ? typed.slice(0, -1) : typed + character
      }
    })
  })
}
