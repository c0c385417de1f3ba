import type { Field } from '../model/index.ts'
import { aliased, columnRef, type Expression, isColumnRef, isStar, rewrite, type Star, sameName } from './ast.ts'
import { resolveColumn, type Source } from './relation.ts'

/** A select list with every `*` written out, so that hidden columns stay out of it. */
export function expandStars(items: readonly Expression[], source: Source): Expression[] {
  return items.flatMap((item) => (isStar(item) ? expandStar(item, source) : [structForWholeRow(item, source)]))
}

function expandStar(star: Star, source: Source): Expression[] {
  return source.columns
    .filter((column) => !isExcluded(star, column))
    .map((column) => {
      const replacement = star.replace_list.find(({ key }) => sameName(key, column.name))
      if (replacement !== undefined) return aliased(structForWholeRow(replacement.value, source), column.name)
      const renamed = star.rename_list.find(({ key }) => sameName(key.column ?? '', column.name))
      return aliased(columnRef(source.alias, column.name), renamed?.value ?? column.name)
    })
}

function isExcluded(star: Star, column: Field): boolean {
  const qualified = star.qualified_exclude_list.map((entry) => (entry as { column?: string }).column ?? '')
  return [...star.exclude_list, ...qualified].some((name) => sameName(name, column.name))
}

/** A table's name as a value means the whole row as a struct, which must not hold hidden columns. */
export function structForWholeRow<E extends Expression>(expression: E, source: Source): E {
  return rewrite(expression, (part) => {
    if (!isWholeRow(part, source)) return undefined
    const fields = source.columns.map((column) => aliased(columnRef(source.alias, column.name), column.name))
    return {
      class: 'FUNCTION',
      type: 'FUNCTION',
      alias: part.alias ?? '',
      function_name: 'struct_pack',
      schema: 'main',
      children: fields,
      filter: null,
      order_bys: { type: 'ORDER_MODIFIER', orders: [] },
      distinct: false,
      is_operator: false,
      export_state: false,
      catalog: '',
    }
  })
}

function isWholeRow(expression: Expression, source: Source): boolean {
  if (!isColumnRef(expression) || expression.column_names.length !== 1) return false
  return sameName(expression.column_names[0] as string, source.alias) && resolveColumn(expression, source) === undefined
}
