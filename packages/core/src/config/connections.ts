import { dirname, join, relative, resolve } from 'node:path'
import Type, { type TObject, type TSchema } from 'typebox'
import type { HeadraceError } from '../errors/index.ts'
import type { AdapterDefinition, ConnectionDefinition, LogLine } from '../model/index.ts'
import { registryConnection } from '../registry/connection.ts'
import { type ConfigPath, checkValue, type Mistake } from './check-value.ts'
import { readDevServices } from './dev-services.ts'
import { ConnectionTypeError, InterpolatedFileError, InvalidConfigError, UnknownConnectionError } from './errors.ts'
import { interpolate } from './interpolate.ts'
import { inOrder, isExplained, problemAt } from './parse.ts'
import { readFailure, readOptional } from './read-file.ts'
import { isMapping } from './schema-node.ts'
import { exactlyOne } from './schema-types.ts'
import { readYaml, type YamlFile } from './yaml-file.ts'

export const CONNECTIONS_FILE = 'headrace.yaml'
const closed = { additionalProperties: false } as const

export interface ConnectionOptions {
  readonly adapters: readonly AdapterDefinition[]
  /** Where `headrace.yaml` is looked for first: the pipeline file's folder. */
  readonly directory: string
  /** … and upwards from there as far as this folder; the current one unless told. */
  readonly upTo?: string
  /** Its `dev.json` tells of running `headrace dev` services. */
  readonly dataDirectory: string
  /** For `${env:…}`; the process's own unless told. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly log?: (line: LogLine) => void
}

export interface Connections {
  /** The `headrace.yaml` that was found. */
  readonly file: string | undefined
  /** Declared connections, name to type. */
  readonly declared: ReadonlyMap<string, string>
  /**
   * The settings of a connection, checked against the schema of its type, defaults filled in: what `headrace.yaml`
   * declares, else the running `headrace dev` service where the name is the type's default one. Environment variables and
   * files are read only now, for this connection alone. Throws CONNECTION_UNKNOWN, CONNECTION_TYPE, or what is wrong with
   * the declaration (several mistakes as CONFIG_INVALID); values from the environment and files are in no message.
   */
  resolve(type: string, name?: string): unknown
}

/** Finds and reads `headrace.yaml`. Throws a catalogue error where it is not what it should be (several as CONFIG_INVALID). */
export async function loadConnections(options: ConnectionOptions): Promise<Connections> {
  const definitions = connectionDefinitions(options.adapters)
  const found = await findConnectionsFile(options.directory, options.upTo ?? process.cwd())
  const services = await readDevServices(options.dataDirectory)
  if (found === undefined) return new KnownConnections(options, definitions, services, undefined)
  const yaml = readYaml(found.text, found.file)
  const [broken] = yaml.problems
  if (broken !== undefined) throw new InvalidConfigError({ file: found.file, problems: yaml.problems })
  const { mistakes } = checkValue(outlineSchema(definitions), yaml.value ?? {}, { root: 'the file' })
  if (mistakes.length > 0) throw errorOf(mistakes, yaml, found.file)
  return new KnownConnections(options, definitions, services, { ...found, yaml })
}

/** The schema of `headrace.yaml`, for editors and the reference. */
export function connectionsSchema(adapters: readonly AdapterDefinition[]): TObject {
  const definitions = connectionDefinitions(adapters)
  return fileSchema([...definitions].map(([type, { schema }]) => [type, schema]))
}

/** The connection types of the adapters, two of which may share one, and the one that decoders and sinks share. */
export function connectionDefinitions(
  adapters: readonly AdapterDefinition[],
): ReadonlyMap<string, ConnectionDefinition> {
  return new Map(
    [registryConnection, ...adapters.flatMap(({ connection }) => connection ?? [])].map((one) => [one.type, one]),
  )
}

/** Everything but the settings themselves, whose texts are not filled in yet. */
function outlineSchema(definitions: ReadonlyMap<string, ConnectionDefinition>): TObject {
  return fileSchema([...definitions.keys()].map((type) => [type, Type.Unknown()]))
}

function fileSchema(types: [string, TSchema][]): TObject {
  const properties = Object.fromEntries(types.map(([type, schema]) => [type, Type.Optional(schema)]))
  const names = types.map(([type]) => type)
  const connection = Type.Object(properties, { ...closed, ...exactlyOne(names, 'connection type') })
  return Type.Object(
    {
      $schema: Type.Optional(Type.String({ description: 'For editors; ignored.' })),
      connections: Type.Optional(
        Type.Record(Type.String({ minLength: 1 }), connection, {
          description: 'How to reach other systems, by names that pipelines use.',
        }),
      ),
    },
    { ...closed, title: 'Headrace connections' },
  )
}

class KnownConnections implements Connections {
  readonly declared: ReadonlyMap<string, string>
  readonly #options: ConnectionOptions
  readonly #definitions: ReadonlyMap<string, ConnectionDefinition>
  readonly #services: Readonly<Record<string, unknown>>
  readonly #source: { file: string; yaml: YamlFile } | undefined

  constructor(
    options: ConnectionOptions,
    definitions: ReadonlyMap<string, ConnectionDefinition>,
    services: Readonly<Record<string, unknown>>,
    source: { file: string; yaml: YamlFile } | undefined,
  ) {
    this.#options = options
    this.#definitions = definitions
    this.#services = services
    this.#source = source
    this.declared = new Map(
      Object.entries(this.#declarations()).map(([name, value]) => [name, Object.keys(value as object)[0] as string]),
    )
  }

  get file(): string | undefined {
    return this.#source?.file
  }

  resolve(type: string, given?: string): unknown {
    const definition = this.#definitions.get(type)
    if (definition === undefined) throw new Error(`no adapter defines connections of type ${type}`)
    const name = given ?? definition.defaultName
    const declared = this.declared.get(name)
    if (declared !== undefined) return this.#resolveDeclared(definition, name, declared)
    const isDefault = name === definition.defaultName
    const isRunning = Object.hasOwn(this.#services, type)
    if (isDefault && isRunning) return this.#resolveService(definition, name)
    const known = [...this.#namesOfType(type), ...(isRunning ? [definition.defaultName] : [])]
    throw new UnknownConnectionError({ type, name, known, isDefault })
  }

  #resolveDeclared(definition: ConnectionDefinition, name: string, declared: string): unknown {
    const { file, yaml } = this.#source as { file: string; yaml: YamlFile }
    const path = ['connections', name]
    if (declared !== definition.type) {
      const error = new ConnectionTypeError({ name, wanted: definition.type, found: declared })
      throw errorOf([{ error, path, at: 'key' }], yaml, file)
    }
    const { environment = process.env } = this.#options
    const written = (this.#declarations()[name] as Record<string, unknown>)[declared]
    const filled = interpolate(written, { environment, directory: dirname(file) })
    const checked = checkValue(definition.schema, filled.value, {
      root: `connections.${name}`,
      written: filled.written,
    })
    const mistakes = [...filled.mistakes, ...checked.mistakes.filter((other) => !isExplained(other, filled.mistakes))]
    if (mistakes.length > 0) throw errorOf(mistakes, yaml, file, [...path, declared])
    return checked.value
  }

  #resolveService(definition: ConnectionDefinition, name: string): unknown {
    const { type, schema } = definition
    const { value, mistakes } = checkValue(schema, this.#services[type], { root: `the ${type} service in dev.json` })
    if (mistakes[0] !== undefined) throw mistakes[0].error
    this.#options.log?.({
      level: 'info',
      code: 'CONNECTION_FROM_DEV',
      message: `the connection "${name}" is not declared: using the ${type} service of the running \`headrace dev\``,
    })
    return value
  }

  #declarations(): Readonly<Record<string, unknown>> {
    const value = this.#source?.yaml.value
    const connections = isMapping(value) ? value.connections : undefined
    return isMapping(connections) ? connections : {}
  }

  #namesOfType(type: string): string[] {
    return [...this.declared].filter(([, declared]) => declared === type).map(([name]) => name)
  }
}

/** One mistake is thrown as itself, several together. */
function errorOf(mistakes: readonly Mistake[], yaml: YamlFile, file: string, base: ConfigPath = []): HeadraceError {
  const placed = mistakes.map((mistake) => ({ ...mistake, path: [...base, ...mistake.path] }))
  const [first] = placed
  if (placed.length > 1 || first === undefined) {
    return new InvalidConfigError({ file, problems: inOrder(placed.map((mistake) => problemAt(mistake, yaml))) })
  }
  first.error.place = first.at === 'key' ? yaml.keyPlace(first.path) : yaml.valuePlace(first.path)
  return first.error
}

/** The nearest `headrace.yaml`, from `directory` upwards to `upTo`; where `upTo` is not above it, only those two folders. */
async function findConnectionsFile(
  directory: string,
  upTo: string,
): Promise<{ file: string; text: string } | undefined> {
  for (const folder of foldersToSearch(resolve(directory), resolve(upTo))) {
    const path = join(folder, CONNECTIONS_FILE)
    const text = await readOptional(path).catch((cause) => {
      throw new InterpolatedFileError({ path, reason: readFailure(cause) }, { cause })
    })
    if (text !== undefined) return { file: shortPath(path), text }
  }
  return undefined
}

function foldersToSearch(directory: string, upTo: string): string[] {
  if (relative(upTo, directory).startsWith('..')) return [directory, upTo]
  const folders = [directory]
  for (let folder = directory; folder !== upTo; ) folders.push((folder = dirname(folder)))
  return folders
}

/** Relative where that is shorter to read. */
function shortPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short
}
