import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { canMakeCertificates } from '../../support/certificates.ts'
import { franzGo } from './clients/go.ts'
import { JAVA_CLIENT_VERSION, javaPrograms, runJava } from './clients/java.ts'
import { kcatClient } from './clients/kcat.ts'
import { librdkafka } from './clients/python.ts'
import { kafkajsSecurity } from './clients/secured-kafkajs.ts'
import { kcatSecurity } from './clients/secured-kcat.ts'
import { platformaticSecurity } from './clients/secured-platformatic.ts'
import { describeClient, type Results, runChecks } from './describe-client.ts'
import type { Feature } from './features.ts'
import { type SecuredKafka, securedArguments, startSecuredKafka } from './secured-kafka.ts'

const FEATURES: readonly Feature[] = ['tls', 'saslPlain', 'saslScram', 'wrongPassword']

let started: Promise<SecuredKafka> | undefined
const folder = mkdtemp(join(tmpdir(), 'headrace-secured-'))

/** One broker for all clients. */
function secured(): Promise<SecuredKafka> {
  started ??= folder.then(startSecuredKafka)
  return started
}

afterAll(async () => {
  await (await started)?.stop()
  await rm(await folder, { recursive: true, force: true })
})

interface SecuredClient {
  readonly client: string
  readonly version: string
  readonly missing?: string | undefined
  run(secured: SecuredKafka): Promise<Results>
}

function describeSecured({ client, version, missing, run }: SecuredClient): void {
  describeClient({
    client,
    version,
    part: 'security',
    missing: missing ?? (canMakeCertificates ? undefined : 'openssl'),
    features: FEATURES,
    start: async () => ({ address: (await secured()).ssl, name: 'the embedded broker', stop: async () => undefined }),
    run: async () => run(await secured()),
  })
}

const java = await javaPrograms()
describeSecured({
  client: 'Java client',
  version: JAVA_CLIENT_VERSION,
  missing: java.missing,
  run: (kafka) => runJava(java.classPath, 'SecurityChecks', [...securedArguments(kafka), ...FEATURES]),
})

const python = await librdkafka()
describeSecured({
  client: 'librdkafka (Python)',
  version: python.version,
  missing: python.missing,
  run: (kafka) => python.runSecurity([...securedArguments(kafka), ...FEATURES]),
})

const go = await franzGo()
describeSecured({
  client: 'franz-go',
  version: go.version,
  missing: go.missing,
  run: (kafka) => go.run(['secured', ...securedArguments(kafka), ...FEATURES]),
})

describeSecured({ client: 'kcat', ...kcatClient, run: (kafka) => runChecks(kcatSecurity(kafka)) })
describeSecured({ client: 'kafkajs', version: '2.2.4', run: (kafka) => runChecks(kafkajsSecurity(kafka)) })
describeSecured({
  client: '@platformatic/kafka',
  version: '2.12.1',
  run: (kafka) => runChecks(platformaticSecurity(kafka)),
})
