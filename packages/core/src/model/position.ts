import type { Json } from './json.ts'

/** Where one partition of a source has been read to. The adapter defines it; the engine stores it and never looks inside. */
export type Position = Json

/** A position for each partition by its name. */
export type Positions = ReadonlyMap<string, Position>
