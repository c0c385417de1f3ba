import '../support/kafka-places.ts'
import { kafkajsChecks } from './clients/kafkajs.ts'
import { describeClient, runChecks } from './describe-client.ts'
import type { Feature } from './features.ts'

describeClient({
  client: 'kafkajs',
  version: '2.2.4',
  features: Object.keys(kafkajsChecks('127.0.0.1:0')) as Feature[],
  run: (address) => runChecks(kafkajsChecks(address)),
})
