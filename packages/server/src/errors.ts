import { defineError } from '@headrace/core'

export class RouteUnknownError extends defineError<{ method: string; path: string }>({
  code: 'API_ROUTE_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `there is no ${d.method} ${d.path}`,
  hint: () => 'GET /openapi.json lists what there is.',
  example: { method: 'GET', path: '/pipeline' },
}) {}

export class RequestInvalidError extends defineError<{ reason: string }>({
  code: 'API_REQUEST_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `the request is not as it should be: ${d.reason}`,
  hint: () => 'GET /openapi.json says what each request takes.',
  example: { reason: "body must have required property 'sql'" },
}) {}

/** A page of another site can make a browser call a server on this machine under a name that it controls. */
export class HostRefusedError extends defineError<{ host: string }>({
  code: 'API_HOST_REFUSED',
  fault: 'user',
  retry: 'never',
  message: (d) => `requests for the host "${d.host}" are refused`,
  hint: () => 'Call it by the address it listens on, such as http://127.0.0.1:8080 or http://localhost:8080.',
  example: { host: 'evil.example' },
}) {}

export class ServerPortInUseError extends defineError<{ host: string; port: number }>({
  code: 'API_PORT_IN_USE',
  fault: 'user',
  retry: 'never',
  message: (d) => `port ${d.port} of ${d.host} is taken`,
  hint: () => 'Choose another with --port, or 0 for any free one.',
  example: { host: '127.0.0.1', port: 8080 },
}) {}

export class ServerFailedError extends defineError<{ reason: string }>({
  code: 'API_FAILED',
  fault: 'bug',
  retry: 'never',
  message: (d) => `the request failed: ${d.reason}`,
  hint: () => 'This deserves a clearer error: please report it.',
  example: { reason: 'cannot read properties of undefined' },
}) {}
