import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { FEATURE_NAMES, type Feature } from './features.ts'

const FOLDER = new URL('./outcomes/', import.meta.url)

/** What came of a client's last run against the embedded broker. A feature that is not there has not been tried. */
export interface ClientOutcomes {
  readonly client: string
  readonly version: string
  readonly features: Readonly<Partial<Record<Feature, 'passed' | 'failed'>>>
}

/** One file for each client and part, so that tests may run side by side. */
export async function writeOutcomes(outcomes: ClientOutcomes, part?: string): Promise<void> {
  const features = FEATURE_NAMES.filter((feature) => outcomes.features[feature] !== undefined)
  const ordered = Object.fromEntries(features.map((feature) => [feature, outcomes.features[feature]]))
  const name = [outcomes.client, part ?? '']
    .join(' ')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  const file = new URL(`${name}.json`, FOLDER)
  const text = `${JSON.stringify({ ...outcomes, features: ordered }, null, 2)}\n`
  await mkdir(FOLDER, { recursive: true })
  // Others may be reading it.
  if ((await readFile(file, 'utf8').catch(() => undefined)) !== text) await writeFile(file, text)
}

/** A client's parts together. */
export async function readOutcomes(): Promise<ClientOutcomes[]> {
  const names = (await readdir(fileURLToPath(FOLDER))).filter((name) => name.endsWith('.json')).sort()
  const parts: ClientOutcomes[] = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(new URL(name, FOLDER), 'utf8'))),
  )
  const clients = Map.groupBy(parts, ({ client }) => client)
  return [...clients.values()].map((of) => ({
    ...(of[0] as ClientOutcomes),
    features: Object.assign({}, ...of.map(({ features }) => features)),
  }))
}
