import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type HeadraceError, problemOf } from '../errors/index.ts'
import type { AdapterDefinition } from '../model/index.ts'
import type { PipelineInput } from './define-pipeline.ts'
import { PipelineFileError, PipelineFileTypeError, PipelineModuleError } from './errors.ts'
import { type ParsedPipeline, type ParseOptions, parsePipeline, parsePipelineObject } from './parse.ts'
import { readFailure } from './read-file.ts'
import { isMapping } from './schema-node.ts'

const TEXT_FILES = new Set(['.yaml', '.yml', '.json'])
const MODULES = new Set(['.ts', '.mts', '.js', '.mjs'])

/**
 * Reads a pipeline file: YAML, JSON, or a module whose default export is a pipeline (which runs the module). Every mistake
 * is a problem, also a file that is not there; problems name the file as it was given.
 */
export async function loadPipelineFile(
  file: string,
  adapters: readonly AdapterDefinition[],
  options: ParseOptions = {},
): Promise<ParsedPipeline> {
  const extension = extname(file).toLowerCase()
  if (TEXT_FILES.has(extension)) return loadText(file, adapters, options)
  if (MODULES.has(extension)) return loadModule(file, adapters, options)
  return failed(new PipelineFileTypeError({ file }), file)
}

async function loadText(
  file: string,
  adapters: readonly AdapterDefinition[],
  options: ParseOptions,
): Promise<ParsedPipeline> {
  try {
    return parsePipeline(await readFile(file, 'utf8'), file, adapters, options)
  } catch (cause) {
    return failed(new PipelineFileError({ file, reason: readFailure(cause) }, { cause }), file)
  }
}

async function loadModule(
  file: string,
  adapters: readonly AdapterDefinition[],
  options: ParseOptions,
): Promise<ParsedPipeline> {
  let exported: unknown
  try {
    // Read first: an import of a missing file and a missing import inside it look the same.
    await readFile(file)
  } catch (cause) {
    return failed(new PipelineFileError({ file, reason: readFailure(cause) }, { cause }), file)
  }
  try {
    const module: { default?: unknown } = await import(pathToFileURL(resolve(file)).href)
    exported = module.default
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return failed(new PipelineModuleError({ file, reason }, { cause }), file)
  }
  if (!isMapping(exported)) {
    const reason = exported === undefined ? 'it has no default export' : 'its default export is no object'
    return failed(new PipelineModuleError({ file, reason }), file)
  }
  return parsePipelineObject(exported as unknown as PipelineInput, adapters, { ...options, file })
}

function failed(error: HeadraceError, file: string): ParsedPipeline {
  return { problems: [{ ...problemOf(error), place: { file } }] }
}
