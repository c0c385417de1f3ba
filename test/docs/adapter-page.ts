import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type AdapterDefinition, schemaNode } from '@headrace/core'
import { fenced, page } from './markdown.ts'
import { schemaTable } from './schema-table.ts'
import { yamlExample } from './yaml-example.ts'

const GUARANTEES = {
  'exactly-once': 'Delivery: **exactly once**. Whatever is killed, and whenever, each row arrives once.',
  'at-least-once': 'Delivery: **at least once**. After a crash the rows of the last batch may arrive a second time.',
}

/** One adapter: its settings as source, sink and connection, examples, and the notes kept beside its code. */
export async function adapterPage(adapter: AdapterDefinition): Promise<string> {
  const { name, summary, source, sink, connection } = adapter
  return page(
    name,
    `${summary}.`,
    ...(source === undefined
      ? []
      : ['## As a source', schemaTable(schemaNode(source.schema)), examples(source.examples)]),
    ...(sink === undefined
      ? []
      : ['## As a sink', guarantee(sink), schemaTable(schemaNode(sink.schema)), examples(sink.examples)]),
    ...(connection === undefined
      ? []
      : [
          '## Connection',
          `A connection of type \`${connection.type}\` in [headrace.yaml](../config.md); \`${connection.defaultName}\` where a pipeline names none.`,
          schemaTable(schemaNode(connection.schema)),
        ]),
    await notes(name),
  )
}

function guarantee({ delivery, deliveryOf }: NonNullable<AdapterDefinition['sink']>): string {
  return deliveryOf === undefined
    ? GUARANTEES[delivery]
    : `${GUARANTEES[delivery]} Exactly once by choice: see \`delivery\`.`
}

function examples(values: readonly unknown[]): string {
  return values.map((value) => fenced('yaml', yamlExample(value))).join('\n\n')
}

/** The headings of NOTES.md go one level down, below the page's own. Empty where there is none yet. */
async function notes(name: string): Promise<string> {
  const file = new URL(`../../packages/adapters/src/${name}/NOTES.md`, import.meta.url)
  if (!existsSync(file)) return ''
  const withoutTitle = (await readFile(file, 'utf8')).replace(/^# .*\n/, '')
  return `## How it works\n\n${withoutTitle.replace(/^(#{2,5}) /gm, '#$1 ').trim()}`
}
