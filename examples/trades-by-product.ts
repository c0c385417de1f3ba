import { definePipeline } from 'headrace'

// A pipeline as a typed object: the words of a pipeline file, with the editor's help and the language's means.
const minutes = 5

export default definePipeline({
  name: 'trades-by-product',
  source: {
    kafka: { topic: 'trades' },
    decode: { json: { columns: { pno: 'varchar', tnum: 'integer', tuptime: 'timestamp' } } },
    watermark: { column: 'tuptime', delay: '5 seconds' },
  },
  steps: [
    { filter: 'tnum > 0' },
    {
      name: 'by_product',
      sql: `
        SELECT window_start, pno, count(*) AS orders, sum(tnum) AS items, max(tnum) AS largest
        FROM TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '${minutes}' MINUTE)
        GROUP BY window_start, window_end, pno`,
    },
  ],
  sinks: [{ parquet: { dataset: 'trades_by_product', partitionBy: ['day(window_start)'] } }],
})
