export * from './errors.ts'
export { buildServer, type HeadraceServer, listen, type ServerOptions } from './server.ts'
