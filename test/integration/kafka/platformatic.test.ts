import { platformaticChecks } from './clients/platformatic.ts'
import { describeClient, runChecks } from './describe-client.ts'
import type { Feature } from './features.ts'

describeClient({
  client: '@platformatic/kafka',
  version: '2.12.1',
  features: Object.keys(platformaticChecks('127.0.0.1:0')) as Feature[],
  run: (address) => runChecks(platformaticChecks(address)),
})
