import { expect, it } from 'vitest'
import type { KafkaSinkConfig } from '../../sink-config.ts'
import { recordNameOf, subjectOf } from './subjects.ts'

const config = (settings: object) => ({ topic: '1-a.b', subjectNaming: 'topicName', ...settings }) as KafkaSinkConfig

it('the record is named after the topic unless told', () => {
  expect(recordNameOf(config({}))).toBe('_1_a_b')
  expect(recordNameOf(config({ recordName: 'shop.Trade' }))).toBe('shop.Trade')
})

it.each([
  [{}, 'other-value'],
  [{ subjectNaming: 'recordName', recordName: 'shop.Trade' }, 'shop.Trade'],
  [{ subjectNaming: 'topicRecordName', recordName: 'shop.Trade' }, 'other-shop.Trade'],
  [{ subjectNaming: 'recordName', subject: 'mine' }, 'mine'],
])('%j registers under %s', (settings, subject) => {
  expect(subjectOf(config(settings), 'other')).toBe(subject)
})
