import { defineError } from '../errors/index.ts'

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

/** A value for a message: in double quotes, cut after 60 characters, control characters escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text)
}
