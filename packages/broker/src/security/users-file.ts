import { readFile } from 'node:fs/promises'
import { BrokerOptionsError } from '../errors.ts'

/**
 * Users and their passwords, one `user:password` a line; empty lines and those that begin with `#` say nothing. Throws
 * `BrokerOptionsError`, whose message holds no password.
 */
export async function readUsersFile(file: string): Promise<Record<string, string>> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new BrokerOptionsError(`the file of users cannot be read: ${error.message}`)
  })
  const users = text
    .split(/\r?\n/)
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== '' && !line.startsWith('#'))
    .map(({ line, number }) => parseUser(line, `line ${number} of ${file}`))
  if (users.length === 0) throw new BrokerOptionsError(`there are no users in ${file}`)
  return Object.fromEntries(users)
}

/** `user:password`; `where` tells of it in an error. */
export function parseUser(text: string, where: string): [user: string, password: string] {
  const colon = text.indexOf(':')
  if (colon < 1 || colon === text.length - 1) throw new BrokerOptionsError(`${where} is not user:password`)
  return [text.slice(0, colon), text.slice(colon + 1)]
}
