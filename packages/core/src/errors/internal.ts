import { defineError } from './define-error.ts'

export class InternalError extends defineError<{ reason: string }>({
  code: 'INTERNAL',
  fault: 'bug',
  retry: 'never',
  message: (d) => `something went wrong inside Headrace: ${d.reason}`,
  hint: () => 'The state stands as after the last commit. Please report it, with what HEADRACE_DEBUG=1 shows.',
  example: { reason: 'row counts differ' },
}) {}
