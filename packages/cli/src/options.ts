import { InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { parseDuration } from '@headrace/core/units'

/** `--data DIR`, as every command takes it that reads or writes the data folder. */
export function dataOption() {
  return new Option('--data <dir>', 'data folder: state, dead letters, the lake, embedded services').default(
    '.headrace',
  )
}

export function jsonOption(description: string) {
  return new Option('--json', description)
}

/** `--param name=value`, given any number of times. */
export function parameterOption() {
  return namedValuesOption('--param <name=value>', 'value of a parameter in the file; as often as needed')
}

/** An option that takes `name=value`, given any number of times. */
export function namedValuesOption<Flags extends string>(flags: Flags, description: string) {
  return new Option(flags, description)
    .argParser(namedValueArgument)
    .default({} as Readonly<Record<string, string>>, 'none')
}

/** A whole number from 1 on. */
export function countArgument(text: string): number {
  const count = Number(text.replaceAll(/[_,]/g, ''))
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number above 0.')
  return count
}

export function integerArgument(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(number)) throw new InvalidArgumentError('It must be a whole number.')
  return number
}

/** A number above 0. */
export function rateArgument(text: string): number {
  const rate = Number(text.replaceAll('_', ''))
  if (!(rate > 0 && Number.isFinite(rate))) throw new InvalidArgumentError('It must be a number above 0.')
  return rate
}

/** A share of all records: 0 to 1. */
export function shareArgument(text: string): number {
  const share = Number(text)
  if (text.trim() === '' || !(share >= 0 && share <= 1)) throw new InvalidArgumentError('It must be from 0 to 1.')
  return share
}

/** A TCP port; 0 takes any free one. */
export function portArgument(text: string): number {
  const port = Number(text)
  if (text.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('It must be a port from 0 to 65535 (0 takes a free one).')
  }
  return port
}

/** A moment in ISO 8601, in UTC unless it says otherwise; as ms since the Unix epoch. */
export function momentArgument(text: string): number {
  const zoned = /([Zz]|[+-]\d\d:?\d\d)$/.test(text) || /^\d{4}-\d\d-\d\d$/.test(text) ? text : `${text}Z`
  const ms = Date.parse(zoned.replace(' ', 'T'))
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It must be a time such as 2026-11-20T10:00:00Z.')
  return ms
}

/** `2026-11-20`. */
export function dateArgument(text: string): string {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError('It must be a date such as 2026-11-20.')
  }
  return text
}

/** `512MB`, `2 GiB`: as DuckDB takes it. */
export function memoryArgument(text: string): string {
  if (!/^\d+(\.\d+)?\s*([kmgt]i?)?b$/i.test(text.trim())) {
    throw new InvalidArgumentError('It must be a size such as 512MB or 2GB.')
  }
  return text.trim()
}

/** `5s`, `500 ms`, `1 minute`; as ms. */
export function durationArgument(text: string): number {
  const ms = durationOf(text)
  if (ms <= 0) throw new InvalidArgumentError('It must be longer than 0.')
  return ms
}

function durationOf(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

function namedValueArgument(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const split = text.indexOf('=')
  if (split < 1) throw new InvalidArgumentError('It must look like name=value.')
  return { ...before, [text.slice(0, split)]: text.slice(split + 1) }
}
