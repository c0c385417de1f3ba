import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildServer } from '@headrace/server'

/** The API's description, asked of a server that has an empty data folder. */
export async function openApi(): Promise<string> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'headrace-docs-'))
  const server = await buildServer({ dataDirectory })
  try {
    const response = await server.inject({ url: '/openapi.json', headers: { host: 'localhost' } })
    if (response.statusCode !== 200) throw new Error(`the server answered ${response.statusCode}: ${response.body}`)
    return `${JSON.stringify(response.json(), undefined, 2)}\n`
  } finally {
    await server.close()
    await rm(dataDirectory, { recursive: true, force: true })
  }
}
