import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { HeadraceError } from '../errors/index.ts'
import type { ConfigPath, Mistake } from './check-value.ts'
import {
  EnvironmentMissingError,
  InterpolatedFileError,
  InvalidInterpolationError,
  ParameterMissingError,
} from './errors.ts'
import { readFailure } from './read-file.ts'
import { isMapping } from './schema-node.ts'

/** What `${…}` may draw from; a kind that is absent is not allowed in the file at hand. */
export interface InterpolationSources {
  readonly parameters?: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Where relative paths of `${file:…}` start. */
  readonly directory?: string
}

export interface Interpolated {
  readonly value: unknown
  readonly mistakes: readonly Mistake[]
  /** The references in the text of a value, as written: what messages show in place of the value, which may be a secret. */
  written(path: ConfigPath): string | undefined
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g
const PARTS = /^(\w+):(.+?)(?::-(.*))?$/s
const MAX_FILE_BYTES = 64 * 1024

/**
 * Fills in `${param:name}`, `${env:NAME}` and `${file:path}` in all texts of a value, each with an optional default
 * (`${param:name:-default}`, also for one that is set but empty). It works on parsed values: what is filled in can never
 * change the structure. `$${` stands for `${` itself.
 */
export function interpolate(value: unknown, sources: InterpolationSources): Interpolated {
  const mistakes: Mistake[] = []
  const references = new Map<string, string>()

  const visit = (node: unknown, path: ConfigPath): unknown => {
    if (typeof node === 'string') return node.includes('${') ? fill(node, path) : node
    if (Array.isArray(node)) return node.map((entry, i) => visit(entry, [...path, i]))
    if (!isMapping(node)) return node
    return Object.fromEntries(Object.entries(node).map(([key, entry]) => [key, visit(entry, [...path, key])]))
  }

  const fill = (text: string, path: ConfigPath): string => {
    const found: string[] = []
    const filled = text.replace(REFERENCE, (match, body: string | undefined, end: string | undefined) => {
      if (body === undefined) return '${'
      found.push(match)
      const outcome = end === '' ? undefined : lookUp(body, sources)
      if (outcome !== undefined && 'text' in outcome) {
        return outcome.text
      }
      const error = outcome?.error ?? new InvalidInterpolationError({ text: match, allowed: allowedForms(sources) })
      mistakes.push({ error, path, at: 'value' })
      return match
    })
    if (found.length > 0) references.set(JSON.stringify(path), found.join(', '))
    return filled
  }

  const filled = visit(value, [])
  return { value: filled, mistakes, written: (path) => references.get(JSON.stringify(path)) }
}

type Outcome = { text: string } | { error: HeadraceError } | undefined

function lookUp(body: string, sources: InterpolationSources): Outcome {
  const [, kind = '', name = '', fallback] = PARTS.exec(body) ?? []
  if (kind === 'param' && sources.parameters !== undefined) return parameter(name, fallback, sources.parameters)
  if (kind === 'env' && sources.environment !== undefined) return variable(name, fallback, sources.environment)
  if (kind === 'file' && sources.directory !== undefined)
    return fileText(resolve(sources.directory, name), name, fallback)
  return undefined
}

function parameter(name: string, fallback: string | undefined, given: Readonly<Record<string, string>>): Outcome {
  const text = Object.hasOwn(given, name) ? given[name] : undefined
  if (isUsable(text, fallback)) return { text }
  if (fallback !== undefined) return { text: fallback }
  return { error: new ParameterMissingError({ name, given: Object.keys(given) }) }
}

function variable(
  name: string,
  fallback: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Outcome {
  const text = environment[name]
  if (isUsable(text, fallback)) return { text }
  return fallback === undefined ? { error: new EnvironmentMissingError({ name }) } : { text: fallback }
}

function fileText(path: string, name: string, fallback: string | undefined): Outcome {
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw new RangeError(`it has more than ${MAX_FILE_BYTES} bytes`)
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    if (isUsable(text, fallback)) return { text }
  } catch (cause) {
    const reason = readFailure(cause)
    if (fallback === undefined) return { error: new InterpolatedFileError({ path: name, reason }, { cause }) }
  }
  return { text: fallback as string }
}

function isUsable(text: string | undefined, fallback: string | undefined): text is string {
  return text !== undefined && (text !== '' || fallback === undefined)
}

function allowedForms(sources: InterpolationSources): string[] {
  const forms = { parameters: 'param:name', environment: 'env:NAME', directory: 'file:path' }
  return Object.entries(forms)
    .filter(([kind]) => sources[kind as keyof InterpolationSources] !== undefined)
    .map(([, form]) => `\${${form}}`)
}
