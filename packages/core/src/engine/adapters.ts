import type { PipelineConfig, SinkConfig } from '../config/pipeline-config.ts'
import { defineError, type Problem } from '../errors/index.ts'
import type {
  AdapterContext,
  AdapterDefinition,
  Field,
  LogLine,
  PipelinePlan,
  Sink,
  Source,
  Staging,
} from '../model/index.ts'
import type { RunOptions } from './options.ts'

class AdapterUnknownError extends defineError<{ adapter: string; role: 'source' | 'sink' }>({
  code: 'ADAPTER_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `there is no ${d.role} "${d.adapter}"`,
  hint: () => 'Use one of the adapters in the reference, or check the spelling.',
  example: { adapter: 'kafak', role: 'source' },
}) {}

type Setting = Pick<RunOptions, 'config' | 'adapters' | 'connection'> & {
  readonly lakeDirectory: string
  readonly log: (line: LogLine) => void
}

/** Loads the modules of the pipeline's adapters ahead of need. What goes wrong with that is told when they are needed. */
export function preloadAdapters({ config, adapters }: Pick<RunOptions, 'config' | 'adapters'>): void {
  const find = (name: string) => adapters.find((adapter) => adapter.name === name)
  const definitions = [find(config.source.adapter)?.source, ...config.sinks.map((sink) => find(sink.adapter)?.sink)]
  for (const definition of definitions) definition?.load().catch(() => undefined)
}

/** How to make the pipeline's source, as often as it has to be connected again. */
export function sourceFactory(setting: Setting, plan: PipelinePlan, incarnation: string): () => Promise<Source> {
  const { source } = setting.config
  const adapter = adapterNamed(setting.adapters, source.adapter)
  const definition = adapter.source
  if (definition === undefined) throw new AdapterUnknownError({ adapter: source.adapter, role: 'source' })
  return async () => {
    const context = contextOf(setting, adapter, source.name, definition.connectionName?.(source.config))
    const { createSource } = await definition.load()
    return createSource(source.config, { ...context, metadata: plan.input.metadata, incarnation })
  }
}

export function sinkFactory(setting: Setting, sink: SinkConfig, plan: PipelinePlan): () => Promise<Sink> {
  const adapter = adapterNamed(setting.adapters, sink.adapter)
  const definition = sinkDefinition(setting.adapters, sink)
  return async () => {
    const context = contextOf(setting, adapter, sink.name, definition.connectionName?.(sink.config))
    const { createSink } = await definition.load()
    const columns = plan.sinks.find((planned) => planned.name === sink.name)?.columns
    return createSink(sink.config, columns === undefined ? context : { ...context, columns })
  }
}

/** How rows wait for a sink; `fallbackDirectory` where the sink does not care where. */
export function sinkStaging(
  setting: Pick<Setting, 'config' | 'adapters' | 'lakeDirectory'>,
  sink: SinkConfig,
  fallbackDirectory: string,
): Staging & { readonly directory: string } {
  const staging = sinkDefinition(setting.adapters, sink).staging(sink.config, {
    pipeline: setting.config.name,
    name: sink.name,
    lakeDirectory: setting.lakeDirectory,
  })
  const { roll } = staging
  // Reading stands still above maxPendingBytes, so an open batch of that size has to close, or nothing ever would.
  const bytes = Math.min(roll?.bytes ?? Number.POSITIVE_INFINITY, sink.maxPendingBytes)
  return {
    ...staging,
    directory: staging.directory ?? fallbackDirectory,
    ...(roll === undefined ? {} : { roll: { ...roll, bytes } }),
  }
}

/** What the adapters find wrong with the rows that they would get. */
export function checkSinks(
  config: PipelineConfig,
  adapters: readonly AdapterDefinition[],
  plan: PipelinePlan,
): Problem[] {
  return config.sinks.flatMap((sink, i) => {
    const columns: readonly Field[] | undefined = plan.sinks.find((planned) => planned.name === sink.name)?.columns
    const issues = sinkDefinition(adapters, sink).check?.(sink.config, columns) ?? []
    return issues.map(({ path, message, hint }) => {
      const place = config.placeOf(['sinks', i, sink.adapter, ...path])
      return { code: 'CONFIG_INVALID', message, hint: hint ?? '', ...(place === undefined ? {} : { place }) }
    })
  })
}

function sinkDefinition(adapters: readonly AdapterDefinition[], sink: SinkConfig) {
  const definition = adapterNamed(adapters, sink.adapter, 'sink').sink
  if (definition === undefined) throw new AdapterUnknownError({ adapter: sink.adapter, role: 'sink' })
  return definition
}

function adapterNamed(
  adapters: readonly AdapterDefinition[],
  name: string,
  role: 'source' | 'sink' = 'source',
): AdapterDefinition {
  const adapter = adapters.find((candidate) => candidate.name === name)
  if (adapter === undefined) throw new AdapterUnknownError({ adapter: name, role })
  return adapter
}

function contextOf(
  setting: Setting,
  adapter: AdapterDefinition,
  name: string,
  connectionName: string | undefined,
): AdapterContext {
  const { connection } = adapter
  return {
    pipeline: setting.config.name,
    name,
    lakeDirectory: setting.lakeDirectory,
    connection:
      connection === undefined
        ? undefined
        : setting.connection(connection.type, connectionName ?? connection.defaultName),
    log: setting.log,
    otherConnection: (type, named) => setting.connection(type, named ?? type),
  }
}
