import { defineError } from '@headrace/core'

interface At {
  /** `host:port/database`, never with user or password. */
  server: string
}

export class PostgresConnectionInvalidError extends defineError<{ problem: string }>({
  code: 'POSTGRES_CONNECTION_INVALID',
  fault: 'user',
  retry: 'never',
  setting: 'connection',
  message: (d) => `the PostgreSQL connection cannot be used: ${d.problem}`,
  hint: () => 'Give `url: postgres://user:password@host:5432/database`, or `host`, `database`, `user` and `password`.',
  example: { problem: 'it has neither url nor host' },
}) {}

export class PostgresUnreachableError extends defineError<At & { reason: string }>({
  code: 'POSTGRES_UNREACHABLE',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `PostgreSQL at ${d.server} cannot be reached: ${d.reason}`,
  hint: () => 'Check host and port, that the server runs, and that a firewall lets this machine in.',
  example: { server: 'db.example.com:5432/sales', reason: 'connect ECONNREFUSED 10.0.0.7:5432' },
}) {}

/** The connection broke in the middle. A commit that was under way may have happened: publishing again finds out. */
export class PostgresConnectionLostError extends defineError<At & { reason: string }>({
  code: 'POSTGRES_CONNECTION_LOST',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `the connection to PostgreSQL at ${d.server} was lost: ${d.reason}`,
  hint: () => 'Nothing is lost or written twice: the batch is published again.',
  example: { server: 'db.example.com:5432/sales', reason: 'Connection terminated unexpectedly' },
}) {}

export class PostgresTlsError extends defineError<At & { reason: string }>({
  code: 'POSTGRES_TLS_FAILED',
  fault: 'user',
  retry: 'never',
  setting: 'connection',
  message: (d) => `no TLS connection to PostgreSQL at ${d.server}: ${d.reason}`,
  hint: () =>
    'Set `ssl` to what the server offers (disable, require, verify-full), and `ca` to its certificate authority.',
  example: { server: 'db.example.com:5432/sales', reason: 'The server does not support SSL connections' },
}) {}

export class PostgresAuthFailedError extends defineError<At & { reason: string }>({
  code: 'POSTGRES_AUTH_FAILED',
  fault: 'user',
  retry: 'never',
  setting: 'connection',
  message: (d) => `PostgreSQL at ${d.server} does not let us in: ${d.reason}`,
  hint: () => 'Check user and password of the connection. A server that wants TLS says "no encryption": set `ssl`.',
  example: { server: 'db.example.com:5432/sales', reason: 'password authentication failed for user "etl"' },
}) {}

export class PostgresDatabaseMissingError extends defineError<At & { reason: string }>({
  code: 'POSTGRES_DATABASE_MISSING',
  fault: 'user',
  retry: 'never',
  setting: 'connection',
  message: (d) => `PostgreSQL at ${d.server} has no such database: ${d.reason}`,
  hint: () => 'Create the database, or fix its name in the connection.',
  example: { server: 'db.example.com:5432/sales', reason: 'database "sales" does not exist' },
}) {}

export class PostgresPermissionDeniedError extends defineError<At & { reason: string; grant?: string }>({
  code: 'POSTGRES_PERMISSION_DENIED',
  fault: 'user',
  retry: 'never',
  setting: 'table',
  message: (d) => `PostgreSQL at ${d.server} refuses: ${d.reason}`,
  hint: (d) =>
    d.grant === undefined
      ? 'The user needs SELECT, INSERT and UPDATE on the table and on headrace.batches, and TEMP on the database.'
      : `Let someone who may run: ${d.grant}`,
  example: { server: 'db.example.com:5432/sales', reason: 'permission denied for table trades' },
}) {}

/** Something that passes: a deadlock, a full disk, too many connections, a server that starts or stops. */
export class PostgresUnavailableError extends defineError<At & { reason: string }>({
  code: 'POSTGRES_UNAVAILABLE',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `PostgreSQL at ${d.server} cannot take the batch now: ${d.reason}`,
  hint: () => 'It is tried again. If it goes on, look at the server: disk, connections, locks, recovery.',
  example: { server: 'db.example.com:5432/sales', reason: 'sorry, too many clients already' },
}) {}

export class PostgresFailedError extends defineError<At & { reason: string }>({
  code: 'POSTGRES_FAILED',
  fault: 'external',
  retry: 'never',
  message: (d) => `PostgreSQL at ${d.server} failed: ${d.reason}`,
  hint: () => 'The batch is kept. Mend the cause and start the pipeline again.',
  example: { server: 'db.example.com:5432/sales', reason: 'cannot insert into view "trades"' },
}) {}

export class PostgresTableMissingError extends defineError<{ table: string; statement?: string }>({
  code: 'POSTGRES_TABLE_MISSING',
  fault: 'user',
  retry: 'never',
  setting: 'table',
  message: (d) => `table ${d.table} does not exist`,
  hint: (d) =>
    d.statement === undefined
      ? 'Create it, fix its name, or set createTable: true.'
      : `Set createTable: true, fix the name, or run: ${d.statement}`,
  example: { table: '"trades"', statement: 'CREATE TABLE "trades" ("tno" text)' },
}) {}

export class PostgresColumnMissingError extends defineError<{
  table: string
  columns: readonly string[]
  statement: string
}>({
  code: 'POSTGRES_COLUMN_MISSING',
  fault: 'user',
  retry: 'never',
  setting: 'table',
  message: (d) => `table ${d.table} has no column ${d.columns.map((name) => `"${name}"`).join(', ')}`,
  hint: (d) => `Select other columns in the last step, or run: ${d.statement}`,
  example: {
    table: '"trades"',
    columns: ['items'],
    statement: 'ALTER TABLE "trades" ADD COLUMN "items" numeric(39,0)',
  },
}) {}

/** The table wants a value that no row has: every row would be refused. */
export class PostgresColumnRequiredError extends defineError<{ table: string; columns: readonly string[] }>({
  code: 'POSTGRES_COLUMN_REQUIRED',
  fault: 'user',
  retry: 'never',
  setting: 'table',
  message: (d) =>
    `table ${d.table} needs a value for ${d.columns.map((name) => `"${name}"`).join(', ')} (NOT NULL without a default), which the rows do not have`,
  hint: () => 'Select the column in the last step, or give it a default in the table.',
  example: { table: '"trades"', columns: ['region'] },
}) {}

export class PostgresColumnNotWritableError extends defineError<{ table: string; columns: readonly string[] }>({
  code: 'POSTGRES_COLUMN_NOT_WRITABLE',
  fault: 'user',
  retry: 'never',
  setting: 'table',
  message: (d) => `table ${d.table} computes ${d.columns.map((name) => `"${name}"`).join(', ')} itself`,
  hint: () => 'Leave generated columns out of the last step.',
  example: { table: '"trades"', columns: ['total'] },
}) {}

export class PostgresKeyNotUniqueError extends defineError<{
  table: string
  key: readonly string[]
  statement: string
}>({
  code: 'POSTGRES_KEY_NOT_UNIQUE',
  fault: 'user',
  retry: 'never',
  setting: 'key',
  message: (d) => `table ${d.table} has no unique index on exactly (${d.key.join(', ')})`,
  hint: (d) => `Use the table's own key, or run: ${d.statement}`,
  example: { table: '"trades"', key: ['tno'], statement: 'CREATE UNIQUE INDEX ON "trades" ("tno")' },
}) {}

/** COPY counts the rows it took; another count must never be committed. */
export class PostgresRowsLostError extends defineError<{ table: string; expected: number; found: number }>({
  code: 'POSTGRES_ROWS_LOST',
  fault: 'bug',
  retry: 'never',
  message: (d) => `PostgreSQL took ${d.found} of ${d.expected} rows for table ${d.table}; nothing was committed`,
  hint: () => 'Please report this, with the version of the server and the types of the columns.',
  example: { table: '"trades"', expected: 1200, found: 1199 },
}) {}
