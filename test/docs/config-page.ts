import { adapters } from '@headrace/adapters'
import { pipelineSchema, type SchemaNode, schemaNode } from '@headrace/core'
import { code, fenced, page, table } from './markdown.ts'
import { schemaTable } from './schema-table.ts'

/** The reference of a pipeline file, and of `headrace.yaml`. */
export function configPage(example: string): string {
  const root = schemaNode(pipelineSchema(adapters))
  const adapterNames = adapters.map((adapter) => adapter.name)
  return page(
    'Pipeline files',
    'A pipeline is one file: YAML, JSON, or a module that says `export default definePipeline({ … })`.',
    fenced('yaml', example),
    '## The file',
    table(['Key', '', ''], sections(root)),
    '## source',
    `One adapter by its name (${adapterLinks('source')}), and:`,
    schemaTable(without(child(root, 'source'), adapterNames)),
    '## steps',
    'A list. Each step is one of `filter`, `sql`, `select` and `applyMapping`, and may have a `name` and a `from`.',
    schemaTable(child(root, 'steps').items as SchemaNode),
    '## trigger',
    schemaTable(child(root, 'trigger')),
    '## sinks',
    `A list. Each sink is one adapter by its name (${adapterLinks('sink')}), and:`,
    schemaTable(without(child(root, 'sinks').items as SchemaNode, adapterNames)),
    '## Durations, sizes, times',
    table(
      ['What', 'How it is written'],
      [
        [
          'a duration',
          'a number and a unit: `ms`, `s`, `m`, `h`, `d` or in words, `500 ms`, `5 seconds`, `1 minute`; a bare number is ms',
        ],
        ['a size', '`KiB`, `MiB`, `GiB` count in 1024s, `KB`, `MB`, `GB` in thousands; a bare number is bytes'],
        ['a point in time', 'ISO 8601; without an offset it is UTC'],
        [
          'a column type',
          'DuckDB’s: `varchar`, `integer`, `bigint`, `double`, `decimal(p,s)`, `boolean`, `date`, `timestamp`, `timestamptz`, lists `T[]`, structures `struct(a T)`',
        ],
      ],
    ),
    '## Parameters',
    `Any text of a pipeline file may hold \`\${param:name}\` or \`\${param:name:-default}\`; \`headrace run FILE --param name=value\` fills it in. What is filled in is a value, never part of the file’s structure. \`$\${\` stands for \`\${\` itself. Inside \`{ }\` and \`[ ]\` such a text needs quotes.`,
    '## Connections: headrace.yaml',
    'How other systems are reached is kept apart from the pipelines, in a `headrace.yaml` beside the pipeline file or in a folder above it, up to the current one:',
    fenced('yaml', CONNECTIONS_EXAMPLE),
    `Each connection has a name and one type: ${connectionTypes()}. The settings of a type are on its adapter’s page. Texts may hold \`\${env:NAME}\`, \`\${file:path}\` (relative to this file) and defaults as above; they are read when a pipeline needs the connection, and never shown. A connection that is not declared is the running \`headrace dev\` service, if its name is the default one of its type.`,
  )
}

const CONNECTIONS_EXAMPLE = `\
connections:
  kafka:
    kafka: { bootstrap: "broker-1:9092,broker-2:9092" }
  warehouse:
    postgres:
      url: \${env:PG_URL}`

function sections(root: SchemaNode): string[][] {
  const { properties = {}, required = [] } = root
  return Object.entries(properties)
    .filter(([key]) => !key.startsWith('$'))
    .map(([key, schema]) => {
      const fallback = schema.default === undefined ? '' : `default ${code(JSON.stringify(schema.default))}`
      return [code(key), required.includes(key) ? 'required' : fallback, schema.description ?? '']
    })
}

function child(schema: SchemaNode, key: string): SchemaNode {
  const found = schema.properties?.[key]
  if (found === undefined) throw new Error(`the pipeline schema has no ${key}`)
  return found
}

function without(schema: SchemaNode, names: readonly string[]): SchemaNode {
  const properties = Object.entries(schema.properties ?? {}).filter(([key]) => !names.includes(key))
  return { ...schema, properties: Object.fromEntries(properties) }
}

function adapterLinks(role: 'source' | 'sink'): string {
  const named = adapters.filter((adapter) => adapter[role] !== undefined)
  return named.map(({ name }) => `[${name}](adapters/${name}.md)`).join(', ')
}

function connectionTypes(): string {
  const types = adapters.flatMap(({ name, connection }) =>
    connection === undefined ? [] : [[connection, name] as const],
  )
  return types
    .map(([{ type, defaultName }, name]) => `[${type}](adapters/${name}.md) (default name \`${defaultName}\`)`)
    .join(', ')
}
