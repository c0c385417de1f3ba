import { kcatClient } from './clients/kcat.ts'
import { kcatChecks } from './clients/kcat-checks.ts'
import { describeClient, runChecks } from './describe-client.ts'
import type { Feature } from './features.ts'

describeClient({
  client: 'kcat',
  ...kcatClient,
  features: Object.keys(kcatChecks('127.0.0.1:0')) as Feature[],
  run: (address) => runChecks(kcatChecks(address)),
})
