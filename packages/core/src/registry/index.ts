export * from './client.ts'
export { type RegistryConnection, registryConnection } from './connection.ts'
export * from './errors.ts'
