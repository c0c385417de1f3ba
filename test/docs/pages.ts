import { readFile } from 'node:fs/promises'
import { adapters } from '@headrace/adapters'
import { adapterPage } from './adapter-page.ts'
import { brokerConfigsPage } from './broker-configs-page.ts'
import { cliPage } from './cli-page.ts'
import { configPage } from './config-page.ts'
import { connectionsJsonSchema, pipelineJsonSchema } from './editor-schemas.ts'
import { errorsPage } from './errors-page.ts'
import { kafkaClientsPage } from './kafka-clients-page.ts'
import { openApi } from './openapi.ts'

const EXAMPLE = new URL('../../examples/trades-per-minute.yaml', import.meta.url)

/** Every generated file, path below `docs/generated/` to text. Throws where one says nothing. */
export async function makePages(): Promise<ReadonlyMap<string, string>> {
  const pages = new Map<string, string>()
  pages.set('config.md', configPage(await readFile(EXAMPLE, 'utf8')))
  for (const adapter of adapters) pages.set(`adapters/${adapter.name}.md`, await adapterPage(adapter))
  pages.set('errors.md', await errorsPage())
  pages.set('kafka-clients.md', await kafkaClientsPage())
  pages.set('broker-configs.md', brokerConfigsPage())
  pages.set('cli.md', cliPage())
  pages.set('pipeline.schema.json', pipelineJsonSchema())
  pages.set('headrace.schema.json', connectionsJsonSchema())
  pages.set('openapi.json', await openApi())
  for (const [path, text] of pages) {
    if (text.split('\n').length < 20) throw new Error(`${path} is nearly empty: its generator found nothing to say`)
  }
  return pages
}
