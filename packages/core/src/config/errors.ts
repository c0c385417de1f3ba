import { defineError, formatProblem, type Problem } from '../errors/index.ts'
import { list, nearest, suggestion } from './suggest.ts'

/** The text is not YAML, or uses what a configuration has no need of (several documents, tags, endless aliases). */
export class YamlSyntaxError extends defineError<{ detail: string }>({
  code: 'CONFIG_YAML',
  fault: 'user',
  retry: 'never',
  message: (d) => `this is not valid YAML: ${d.detail}`,
  hint: () => 'Check indentation (spaces only), quotes and brackets at this place and on the line above it.',
  example: { detail: 'tabs are not allowed as indentation' },
}) {}

/** A configuration file is larger than any that a person writes. */
export class ConfigTooLargeError extends defineError<{ bytes: number; limit: number }>({
  code: 'CONFIG_TOO_LARGE',
  fault: 'user',
  retry: 'never',
  message: (d) => `the file has ${d.bytes} bytes; at most ${d.limit} are read`,
  hint: () => 'Check that this is the right file.',
  example: { bytes: 20_971_520, limit: 1_048_576 },
}) {}

/** A key that means nothing here. */
export class UnknownKeyError extends defineError<{ key: string; within: string; known: readonly string[] }>({
  code: 'CONFIG_UNKNOWN_KEY',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.key)} is not a key of ${d.within}`,
  hint: (d) => suggestion(d.key, d.known, 'keys here'),
  example: { key: 'topik', within: 'source.kafka', known: ['topic', 'start'] },
}) {}

/** An adapter, kind of step or format that does not exist. */
export class UnknownKindError extends defineError<{ key: string; what: string; known: readonly string[] }>({
  code: 'CONFIG_UNKNOWN_KIND',
  fault: 'user',
  retry: 'never',
  message: (d) => `there is no ${d.what} called ${quote(d.key)}`,
  hint: (d) => suggestion(d.key, d.known, 'known ones'),
  example: { key: 'postgress', what: 'sink adapter', known: ['parquet', 'postgres'] },
}) {}

/** None, or several, where exactly one adapter, kind of step or format belongs. */
export class OneKindError extends defineError<{
  within: string
  what: string
  known: readonly string[]
  found: readonly string[]
}>({
  code: 'CONFIG_ONE_KIND',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    d.found.length === 0
      ? `${d.within} names no ${d.what}`
      : `${d.within} names several ${d.what}s: ${d.found.map(quote).join(', ')}`,
  hint: (d) =>
    d.found.length === 0 ? `Add one of ${list(d.known)}.` : 'Keep one; make the others entries of their own.',
  example: { within: 'sinks[0]', what: 'sink adapter', known: ['parquet', 'postgres'], found: ['parquet', 'postgres'] },
}) {}

/** A value of the wrong type. */
export class WrongTypeError extends defineError<{
  key: string
  expected: string
  found: string
  advice?: string | undefined
}>({
  code: 'CONFIG_TYPE',
  fault: 'user',
  retry: 'never',
  message: (d) => `${d.key} must be ${d.expected}, not ${d.found}`,
  hint: (d) => d.advice ?? `Write ${d.expected} here.`,
  example: { key: 'trigger.maxRecords', expected: 'a whole number', found: '"many"' },
}) {}

/** A key that must be there is not. */
export class MissingKeyError extends defineError<{ key: string; within: string; expected: string }>({
  code: 'CONFIG_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `${d.within} lacks the key \`${d.key}\``,
  hint: (d) => `Add \`${d.key}:\` with ${d.expected}.`,
  example: { key: 'topic', within: 'source.kafka', expected: 'text' },
}) {}

/** A value of the right type that is out of range, of the wrong form, or contradicts another one. */
export class InvalidValueError extends defineError<{ message: string; hint: string }>({
  code: 'CONFIG_VALUE',
  fault: 'user',
  retry: 'never',
  message: (d) => d.message,
  hint: (d) => d.hint,
  example: { message: 'trigger.maxRecords must be at least 1, not 0', hint: 'Write a larger number.' },
}) {}

/** A text that should be a duration is none. */
export class InvalidDurationError extends defineError<{ text: string }>({
  code: 'CONFIG_DURATION',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.text)} is not a duration`,
  hint: () => 'Write a number and a unit, as in `500 ms`, `5 seconds`, `1 minute`, `2 h` or `1 day`.',
  example: { text: '5 secnods' },
}) {}

/** A text that should be a size is none. */
export class InvalidSizeError extends defineError<{ text: string }>({
  code: 'CONFIG_SIZE',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.text)} is not a size`,
  hint: () => 'Write a number and a unit, as in `512 bytes`, `64 MiB` (1024s) or `1 MB` (thousands).',
  example: { text: '64 megs' },
}) {}

/** A text that should be a point in time is none. */
export class InvalidTimestampError extends defineError<{ text: string }>({
  code: 'CONFIG_TIMESTAMP',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.text)} is not a point in time`,
  hint: () =>
    'Write it as in ISO 8601: `2026-11-20T13:15:48Z`, `2026-11-20T13:15:48+02:00`, or `2026-11-20` for midnight UTC.',
  example: { text: 'yesterday' },
}) {}

/** A declared column's type does not exist. */
export class InvalidColumnTypeError extends defineError<{ text: string; known: readonly string[] }>({
  code: 'CONFIG_COLUMN_TYPE',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.text)} is not a column type`,
  hint: (d) => `${suggestion(d.text, d.known, 'types')} Lists are \`T[]\`, structures \`struct(a T, b T)\`.`,
  example: { text: 'intger', known: ['integer', 'varchar'] },
}) {}

/** A name that cannot be used. */
export class InvalidNameError extends defineError<{ name: string; what: string; rule: string }>({
  code: 'CONFIG_NAME',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.name)} cannot be the name of a ${d.what}`,
  hint: (d) => d.rule,
  example: {
    name: 'input',
    what: 'step',
    rule: '`input` is what steps call the decoded records. Choose another name.',
  },
}) {}

/** The same name twice where names tell things apart. Letter case does not count, as in SQL. */
export class DuplicateError extends defineError<{ name: string; what: string; hint: string }>({
  code: 'CONFIG_DUPLICATE',
  fault: 'user',
  retry: 'never',
  message: (d) => `there are two ${d.what}s called ${quote(d.name)}`,
  hint: (d) => d.hint,
  example: { name: 'postgres', what: 'sink', hint: 'Give each a `name:` of its own.' },
}) {}

/** A `from` or a column name that refers to nothing. */
export class UnknownReferenceError extends defineError<{
  key: string
  name: string
  what: string
  known: readonly string[]
}>({
  code: 'CONFIG_REFERENCE',
  fault: 'user',
  retry: 'never',
  message: (d) => `${d.key} names ${quote(d.name)}, which is no ${d.what}`,
  hint: (d) => suggestion(d.name, d.known, 'possible names'),
  example: { key: 'sinks[0].from', name: 'per_minut', what: 'step', known: ['input', 'per_minute'] },
}) {}

/** `${…}` of a kind that is unknown, unfinished, or not allowed in this file. */
export class InvalidInterpolationError extends defineError<{ text: string; allowed: readonly string[] }>({
  code: 'CONFIG_INTERPOLATION',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.text)} cannot be filled in here`,
  hint: (d) => `Possible here: ${list(d.allowed)}. For a dollar sign and a brace as they are, write \`$\${\`.`,
  example: { text: `\${PG_URL}`, allowed: [`\${env:NAME}`] },
}) {}

/** A parameter that was not given and has no default. */
export class ParameterMissingError extends defineError<{ name: string; given: readonly string[] }>({
  code: 'CONFIG_PARAMETER_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `the parameter ${quote(d.name)} was not given`,
  hint: (d) => `Give it with \`--param ${d.name}=…\`, or write a default: \`$\{param:${d.name}:-…}\`.`,
  example: { name: 'day', given: [] },
}) {}

/** An environment variable that is not set. */
export class EnvironmentMissingError extends defineError<{ name: string }>({
  code: 'CONFIG_ENVIRONMENT_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `the environment variable ${quote(d.name)} is not set`,
  hint: (d) => `Set it, or write a default: \`$\{env:${d.name}:-…}\`.`,
  example: { name: 'PG_URL' },
}) {}

/** A file named by `${file:…}` that cannot be read. */
export class InterpolatedFileError extends defineError<{ path: string; reason: string }>({
  code: 'CONFIG_FILE_UNREADABLE',
  fault: 'user',
  retry: 'never',
  message: (d) => `the file ${quote(d.path)} cannot be read: ${d.reason}`,
  hint: () => 'Check the path (relative ones start at the folder of this file) and its permissions.',
  example: { path: 'secrets/password', reason: 'it does not exist' },
}) {}

/** Several mistakes in one file, where only one error can be thrown. `problems` has each with its place. */
export class InvalidConfigError extends defineError<{ file: string; problems: readonly Problem[] }>({
  code: 'CONFIG_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `${d.problems.length === 1 ? 'there is a mistake' : `there are ${d.problems.length} mistakes`} in ${d.file}:\n${d.problems.map((problem) => formatProblem(problem)).join('\n')}`,
  hint: () => 'Mend them all and try again.',
  example: {
    file: 'headrace.yaml',
    problems: [
      { code: 'CONFIG_TYPE', message: 'port must be a whole number, not "many"', hint: 'Write a whole number here.' },
    ],
  },
}) {
  get problems(): readonly Problem[] {
    return this.details.problems as readonly Problem[]
  }
}

/** The pipeline file cannot be read. */
export class PipelineFileError extends defineError<{ file: string; reason: string }>({
  code: 'PIPELINE_FILE_UNREADABLE',
  fault: 'user',
  retry: 'never',
  message: (d) => `the pipeline file ${quote(d.file)} cannot be read: ${d.reason}`,
  hint: () => 'Check the path (relative ones start at the current folder) and its permissions.',
  example: { file: 'pipeline.yaml', reason: 'it does not exist' },
}) {}

/** The pipeline file's name says neither YAML nor JSON nor a module. */
export class PipelineFileTypeError extends defineError<{ file: string }>({
  code: 'PIPELINE_FILE_TYPE',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.file)} is not called like a pipeline file`,
  hint: () => 'Pipeline files end in `.yaml`, `.yml`, `.json`, `.ts`, `.mts`, `.js` or `.mjs`.',
  example: { file: 'pipeline.txt' },
}) {}

/** A pipeline module cannot be imported, or exports no pipeline. */
export class PipelineModuleError extends defineError<{ file: string; reason: string }>({
  code: 'PIPELINE_MODULE',
  fault: 'user',
  retry: 'never',
  message: (d) => `${quote(d.file)} gives no pipeline: ${d.reason}`,
  hint: () => 'The module must run by itself and say `export default definePipeline({ … })`.',
  example: { file: 'pipeline.ts', reason: 'it has no default export' },
}) {}

/** A connection is neither declared nor one of the running services of `headrace dev`. */
export class UnknownConnectionError extends defineError<{
  type: string
  name: string
  known: readonly string[]
  isDefault: boolean
}>({
  code: 'CONNECTION_UNKNOWN',
  fault: 'user',
  retry: 'never',
  setting: 'connection',
  message: (d) => `there is no connection called ${quote(d.name)} (of type \`${d.type}\`)`,
  hint: (d) => {
    const near = nearest(d.name, d.known)
    const declare = `Declare it in headrace.yaml: \`connections: { ${d.name}: { ${d.type}: { … } } }\``
    if (near !== undefined) return `Did you mean \`${near}\`? Otherwise: ${declare}.`
    return d.isDefault ? `${declare}, or start \`headrace dev\`, which brings its own.` : `${declare}.`
  },
  example: { type: 'postgres', name: 'warehouse', known: [], isDefault: true },
}) {}

/** A connection of that name exists, but it leads to another kind of system. */
export class ConnectionTypeError extends defineError<{ name: string; wanted: string; found: string }>({
  code: 'CONNECTION_TYPE',
  fault: 'user',
  retry: 'never',
  message: (d) => `the connection ${quote(d.name)} is of type \`${d.found}\`, not \`${d.wanted}\``,
  hint: (d) => `Name a connection of type \`${d.wanted}\`, or declare one under another name.`,
  example: { name: 'warehouse', wanted: 'postgres', found: 'kafka' },
}) {}

/** A value for a message: in double quotes, cut after 60 characters, control characters escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text)
}
