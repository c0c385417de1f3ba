import type { PipelineConfig } from '../config/pipeline-config.ts'
import { HeadraceError } from '../errors/index.ts'

/** Where in a pipeline file an adapter is set up. */
export type ConfigPath = readonly (string | number)[]

export function pathOfSource(config: PipelineConfig): ConfigPath {
  return ['source', config.source.adapter]
}

/** Undefined for what is no sink of the file's: the dead letters. */
export function pathOfSink(config: PipelineConfig, name: string): ConfigPath | undefined {
  const index = config.sinks.findIndex((sink) => sink.name === name)
  return index < 0 ? undefined : ['sinks', index, config.sinks[index]?.adapter as string]
}

export function pathOfStep(config: PipelineConfig, name: string): ConfigPath | undefined {
  const index = config.steps.findIndex((step) => step.name === name)
  return index < 0 ? undefined : ['steps', index]
}

/** Gives a mistake of the user's that shows only at run time its place in the pipeline file: that of the setting it is about. */
export function withPlace<E>(error: E, config: PipelineConfig, path: ConfigPath | undefined): E {
  if (path === undefined || !(error instanceof HeadraceError) || error.fault !== 'user') return error
  const place = config.placeOf(error.setting === undefined ? path : [...path, error.setting])
  if (place !== undefined) error.place ??= place
  return error
}
