/** What others need of the client's own names, to fill chunks and to tell statements apart; they import them from here. */
export {
  BLOB,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDataChunk,
  type DuckDBVector,
  INTEGER,
  StatementType,
  VARCHAR,
} from '@duckdb/node-api'
