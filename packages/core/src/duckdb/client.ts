/** What others need of the client's own names, to fill chunks and to tell statements apart; they import them from here. */
export {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDataChunk,
  type DuckDBType,
  type DuckDBValue,
  type DuckDBVector,
  INTEGER,
  StatementType,
  VARCHAR,
} from '@duckdb/node-api'
