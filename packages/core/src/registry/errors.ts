import { defineError } from '../errors/index.ts'

export class RegistryUnreachableError extends defineError<{ url: string; reason: string }>({
  code: 'REGISTRY_UNREACHABLE',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `cannot reach the schema registry at ${d.url}: ${d.reason}`,
  hint: () => 'Is it running, and is `url` of the `schemaRegistry` connection in headrace.yaml right?',
  example: { url: 'http://localhost:8081', reason: 'connect ECONNREFUSED 127.0.0.1:8081' },
}) {}

export class RegistryAuthError extends defineError<{ url: string; reason: string }>({
  code: 'REGISTRY_AUTH_FAILED',
  fault: 'user',
  retry: 'never',
  message: (d) => `the schema registry at ${d.url} refuses access: ${d.reason}`,
  hint: () => 'Check `username` and `password` (or `token`) of the connection, `ssl`, and what that user may do.',
  example: { url: 'https://registry.example', reason: '401 Unauthorized' },
}) {}

/** The registry has no such schema. Records that name it become dead letters. */
export class RegistrySchemaMissingError extends defineError<{ url: string; schema: string }>({
  code: 'REGISTRY_SCHEMA_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `the schema registry at ${d.url} has no ${d.schema}`,
  hint: () => 'Register it, or check that this is the registry that the producer uses.',
  example: { url: 'http://localhost:8081', schema: 'schema 17' },
}) {}

/** The registry does not take a schema. */
export class RegistrySchemaRefusedError extends defineError<{ subject: string; reason: string }>({
  code: 'REGISTRY_SCHEMA_REFUSED',
  fault: 'user',
  retry: 'never',
  message: (d) => `the schema registry does not take the rows’ schema under subject "${d.subject}": ${d.reason}`,
  hint: () => 'Change the rows so that they fit the subject’s compatibility rule, or use another subject or rule.',
  example: { subject: 'totals-value', reason: 'Schema being registered is incompatible with an earlier schema' },
}) {}

/** Nothing is to be registered, and the schema is not there. */
export class RegistrySchemaUnregisteredError extends defineError<{ url: string; subject: string; schema: string }>({
  code: 'REGISTRY_SCHEMA_UNREGISTERED',
  fault: 'user',
  retry: 'never',
  setting: 'autoRegister',
  message: (d) => `the schema registry at ${d.url} does not have the rows’ schema under subject "${d.subject}"`,
  hint: (d) => `Register it there, or let the sink do it with \`autoRegister: true\`. The schema is: ${d.schema}`,
  example: { url: 'http://localhost:8081', subject: 'totals-value', schema: '{"type":"record","name":"totals",…}' },
}) {}

/** Something answers that is no schema registry, or one that does not do what is asked. */
export class RegistryUnexpectedError extends defineError<{ url: string; reason: string }>({
  code: 'REGISTRY_UNEXPECTED_ANSWER',
  fault: 'user',
  retry: 'never',
  message: (d) => `${d.url} does not answer like a schema registry: ${d.reason}`,
  hint: () => 'Check `url` of the `schemaRegistry` connection, its path too (Apicurio: `/apis/ccompat/v7`).',
  example: { url: 'http://localhost:8081', reason: '404 Not Found' },
}) {}
