import { HeadraceError, InternalError, isProgrammingError, sinkFolderFailure } from '@headrace/core'
import { DatabaseError } from 'pg'
import {
  PostgresAuthFailedError,
  PostgresConnectionLostError,
  PostgresDatabaseMissingError,
  PostgresFailedError,
  PostgresPermissionDeniedError,
  PostgresTlsError,
  PostgresUnavailableError,
  PostgresUnreachableError,
} from './errors.ts'

/** SQLSTATE, where the server answered with an error. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined
}

/**
 * Whether the server refused what a row holds: data exceptions (22), integrity constraints (23), WITH CHECK OPTION (44000),
 * a row too large for an index (54000), a trigger's RAISE (P0001). Not 22P04: that would be our COPY file.
 */
export function isRowRefusal(error: unknown): error is DatabaseError {
  const state = sqlState(error)
  return state !== undefined && state !== '22P04' && /^(22|23|44000$|54000$|P0001$)/.test(state)
}

/** The server's reason, with the column where it names one. */
export function refusalReason(error: DatabaseError): string {
  const column = error.column ?? /, column ([^:]+)/.exec(error.where ?? '')?.[1]
  return column === undefined || error.message.includes(`"${column}"`)
    ? error.message
    : `${error.message} (column ${column})`
}

/** Codes of Node and OpenSSL for a certificate that does not hold. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/

/** Whatever pg throws as an error of the catalogue, with `cause`. `connecting`: before the session was open. */
export function translate(error: unknown, server: string, connecting = false): HeadraceError {
  if (error instanceof HeadraceError) return error
  const reason = reasonOf(error)
  const options = { cause: error }
  const state = sqlState(error)
  if (state !== undefined) return translateState(state, { server, reason }, options)
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (reason.startsWith('SASL:')) return new PostgresAuthFailedError({ server, reason: saslReason(reason) }, options)
  if (TLS_CODE.test(code) || reason.includes('SSL')) return new PostgresTlsError({ server, reason }, options)
  // Only what the network does may pass by waiting: not a mistake in this program, nor the disk that rows pass through.
  if (isProgrammingError(error)) return new InternalError({ reason }, options)
  const path = (error as NodeJS.ErrnoException).path
  const local = path === undefined ? undefined : sinkFolderFailure(error, path)
  if (local !== undefined) return local
  return connecting
    ? new PostgresUnreachableError({ server, reason }, options)
    : new PostgresConnectionLostError({ server, reason }, options)
}

/** pg's own words for a login that it could not begin or finish, as one would say it. */
function saslReason(reason: string): string {
  return reason.includes('password must be') ? 'the server asks for a password, and there is none' : reason
}

interface Failure {
  server: string
  reason: string
}

function translateState(state: string, details: Failure, options: { cause: unknown }): HeadraceError {
  if (state.startsWith('28')) return new PostgresAuthFailedError(details, options)
  if (state === '3D000') return new PostgresDatabaseMissingError(details, options)
  if (state === '42501') return new PostgresPermissionDeniedError(details, options)
  if (state.startsWith('08')) return new PostgresConnectionLostError(details, options)
  // Rollbacks (40), resources (53), operator's intervention (57), system errors (58), locks (55P03), a standby (25006).
  if (/^(40|53|57|58|55P03$|25006$)/.test(state)) return new PostgresUnavailableError(details, options)
  return new PostgresFailedError(details, options)
}

/** Node reports several addresses that all failed as one error without a message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error && error.message !== '' ? error.message : String(error)
}
