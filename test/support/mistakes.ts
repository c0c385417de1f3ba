import { expect } from 'vitest'
import type { Ended } from './headrace-process.ts'

/** One mistake as the program tells it: `file:line:column  CODE  message`, and its hint on the next line. */
export interface Told {
  readonly place: string | undefined
  readonly code: string
  readonly message: string
  readonly hint: string
}

export interface Expected {
  readonly code: string
  /** `file:line:column`; undefined where no file is concerned. */
  readonly place?: string | undefined
  readonly message: RegExp | string
  readonly hint: RegExp | string
}

const TOLD = /^(?:(\S+) {2})?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|INTERNAL|UNEXPECTED) {2}(.+)(?:\n {2}hint: (.+))?$/gm

/** Every mistake, warning and note with a code in the text. */
export function toldIn(text: string): Told[] {
  return [...text.matchAll(TOLD)].map(([, place, code = '', message = '', hint = '']) => ({
    place,
    code,
    message,
    hint,
  }))
}

/** The run failed with this mistake, told in full and in two lines: no stack trace, nothing raw. */
export function expectMistake(ended: Ended, expected: Expected): void {
  expect(ended.code, ended.stderr).toBe(1)
  expectNoTrace(ended)
  const told = toldIn(ended.stderr)
  const last = told.at(-1)
  expect(last, ended.stderr).toMatchObject({ code: expected.code })
  expectTold(last as Told, expected)
}

export function expectTold(told: Told, { code, place, message, hint }: Expected): void {
  expect(told).toEqual({
    code,
    place,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
    hint: typeof hint === 'string' ? hint : expect.stringMatching(hint),
  })
}

/** Neither stream shows the inside of the program. */
export function expectNoTrace({ stdout, stderr }: Ended): void {
  for (const text of [stdout, stderr]) {
    expect(text).not.toMatch(/^\s+at .+[:(]/m)
    expect(text).not.toMatch(/node:internal|node_modules|\.ts:\d+:\d+\)|\[cause\]/)
    expect(text).not.toMatch(/\b(INTERNAL|UNEXPECTED|undefined|\[object Object\]|NaN)\b/)
  }
}

/** `line:column` of the first place where `needle` stands in a text, behind `after`. */
export function placeIn(text: string, needle: string, after = ''): string {
  const from = text.indexOf(after)
  const at = text.indexOf(needle, from)
  if (from < 0 || at < 0) throw new Error(`there is no ${JSON.stringify(needle)} in the text`)
  const before = text.slice(0, at).split('\n')
  return `${before.length}:${(before.at(-1) ?? '').length + 1}`
}
