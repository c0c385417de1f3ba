export * from './client.ts'
export * from './database.ts'
export * from './failure.ts'
export * from './sql-text.ts'
