import { defineError } from '@headrace/core'

export class ConsoleWriteError extends defineError<{ reason: string }>({
  code: 'CONSOLE_WRITE_FAILED',
  fault: 'external',
  retry: 'never',
  message: (d) => `standard output cannot be written: ${d.reason}`,
  hint: () =>
    'The program that reads the output has probably ended. Rows that it has not read are shown again by the next run.',
  example: { reason: 'write EPIPE' },
}) {}
