/** First line of every page, so that nobody edits it by hand. */
const BANNER = '<!-- Made by `npm run docs` from the program itself. Edits here are lost. -->'

export function page(title: string, ...blocks: readonly string[]): string {
  return `${[BANNER, `# ${title}`, ...blocks].filter((block) => block !== '').join('\n\n')}\n`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``
}

export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', '<br>')
}
