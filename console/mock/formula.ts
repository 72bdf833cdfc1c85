/** The mock's idea of formulas: + - * /, comparisons, names and coalesce over the values of its tags. */
import type { FormulaCheck, FormulaCheckRequest, FormulaInput, RuleFinding } from '../src/api/rules'
import type { Quality } from '../src/api/types'
import { nearest, placeOf } from './ruleSql'

export interface Seen {
  value: number | boolean | string | null
  text: string | null
  type: string
  unit?: string
  quality: Quality
}

/** The tags that there are, and what they are now. */
export interface Field {
  devices: () => string[]
  tags: (device: string) => string[]
  seen: (device: string, tag: string) => Seen | undefined
}

interface Token {
  kind: 'number' | 'name' | 'text' | 'sign'
  text: string
  at: number
  quoted: boolean
}

type Cell = number | boolean | string | null

type Node =
  | { kind: 'value'; value: Cell; at: number }
  | { kind: 'tag'; device: string; tag: string; at: number }
  | { kind: 'call'; name: string; of: Node[]; at: number }

class Mistake extends Error {
  constructor(
    readonly at: number,
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(problem)
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  const next = /\s*(?:(\d+(?:\.\d+)?)|"((?:[^"]|"")*)"|([A-Za-z_]\w*)|'((?:[^']|'')*)'|(<=|>=|<>|[-+*/()<>=,.]))/y
  while (text.slice(next.lastIndex).trim() !== '') {
    const from = next.lastIndex
    const found = next.exec(text)
    if (found === null) throw new Mistake(from + (text.slice(from).length - text.slice(from).trimStart().length), 'this cannot be read', 'Write an expression over tags, such as `steam / fuel`.')
    const [whole, number, quoted, name, prose, sign] = found
    const at = from + whole.length - whole.trimStart().length
    if (number !== undefined) tokens.push({ kind: 'number', text: number, at, quoted: false })
    else if (quoted !== undefined) tokens.push({ kind: 'name', text: quoted.replaceAll('""', '"'), at, quoted: true })
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, at, quoted: false })
    else if (prose !== undefined) tokens.push({ kind: 'text', text: prose, at, quoted: true })
    else tokens.push({ kind: 'sign', text: sign ?? '', at, quoted: false })
  }
  return tokens
}

const levels = [['=', '<>', '<', '>', '<=', '>='], ['+', '-'], ['*', '/']]

/** Reads a formula of `device` from left to right, and finds its tags. */
class Reader {
  private next = 0
  private readonly tokens: Token[]
  readonly tags = new Map<string, { device: string; tag: string; mayBeBad: boolean }>()
  private tolerant = false

  constructor(
    private readonly text: string,
    private readonly device: string,
    private readonly field: Field,
  ) {
    this.tokens = tokensOf(text)
  }

  whole(): Node {
    const made = this.level(0)
    const more = this.tokens[this.next]
    if (more !== undefined) throw new Mistake(more.at, `\`${more.text}\` is not expected here`, 'Put an operator such as + before it, or remove it.')
    return made
  }

  private took(sign: string): boolean {
    const token = this.tokens[this.next]
    if (token?.kind !== 'sign' || token.text !== sign) return false
    this.next++
    return true
  }

  private level(depth: number): Node {
    const signs = levels[depth]
    if (signs === undefined) return this.one()
    let left = this.level(depth + 1)
    for (;;) {
      const token = this.tokens[this.next]
      if (token?.kind !== 'sign' || !signs.includes(token.text)) return left
      this.next++
      left = { kind: 'call', name: token.text, of: [left, this.level(depth + 1)], at: token.at }
    }
  }

  private one(): Node {
    const token = this.tokens[this.next++]
    if (token === undefined) throw new Mistake(this.text.trimEnd().length, 'the formula ends too early', 'Write what comes after the operator.')
    if (token.kind === 'number') return { kind: 'value', value: Number(token.text), at: token.at }
    if (token.kind === 'text') return { kind: 'value', value: token.text, at: token.at }
    if (token.kind === 'name') return !token.quoted && this.took('(') ? this.call(token) : this.tag(token)
    if (token.text === '-') return { kind: 'call', name: '-', of: [{ kind: 'value', value: 0, at: token.at }, this.one()], at: token.at }
    if (token.text !== '(') throw new Mistake(token.at, `\`${token.text}\` is not expected here`, 'Write a tag or a number before it.')
    const inner = this.level(0)
    this.close(token)
    return inner
  }

  private close(open: Token) {
    if (!this.took(')')) throw new Mistake(open.at, 'this bracket is not closed', 'Write `)` where it ends.')
  }

  private call(token: Token): Node {
    const name = token.text.toLowerCase()
    if (name !== 'coalesce' && name !== 'round') {
      const remembers = ['lag', 'avg', 'sum', 'rate_of'].includes(name)
      throw new Mistake(token.at, remembers ? `\`${name}\` needs more than one moment` : `there is no function \`${name}\``, remembers ? 'A rule can remember: write one, and read its output.' : 'Look at the list of functions.')
    }
    const before = this.tolerant
    this.tolerant ||= name === 'coalesce'
    const of: Node[] = []
    do of.push(this.level(0))
    while (this.took(','))
    this.tolerant = before
    this.close(token)
    return { kind: 'call', name, of, at: token.at }
  }

  private tag(token: Token): Node {
    const [first = '', ...rest] = token.text.split('/')
    const named = { device: rest.length > 0 ? first : this.device, tag: rest.length > 0 ? rest.join('/') : first }
    if (this.took('.')) {
      const behind = this.tokens[this.next++]
      if (behind?.kind !== 'name') throw new Mistake(token.at, 'behind the point stands no tag', 'Write `"device".tag`.')
      named.device = token.text
      named.tag = behind.text
    }
    const { device, tag } = named
    if (!this.field.devices().includes(device)) {
      const near = nearest(device, this.field.devices())
      throw new Mistake(token.at, `there is no device \`${device}\``, near === undefined || near.distance > 3 ? 'Look at the list of devices.' : `Did you mean \`"${near.each}/${tag}"\`?`)
    }
    if (this.field.seen(device, tag) === undefined) {
      const near = nearest(tag, this.field.tags(device))
      const where = device === this.device ? 'the device' : `the device \`${device}\``
      throw new Mistake(token.at, `${where} has no tag \`${tag}\``, near === undefined || near.distance > 3 ? 'Look at its tags.' : `Did you mean \`${near.each}\`?`)
    }
    const key = `${device}/${tag}`
    this.tags.set(key, { device, tag, mayBeBad: this.tolerant && (this.tags.get(key)?.mayBeBad ?? true) })
    return { kind: 'tag', device, tag, at: token.at }
  }
}

function typeOf(node: Node, field: Field): 'number' | 'boolean' | 'string' {
  if (node.kind === 'value') return typeof node.value === 'boolean' ? 'boolean' : typeof node.value === 'string' ? 'string' : 'number'
  if (node.kind === 'tag') {
    const type = field.seen(node.device, node.tag)?.type
    return type === 'bool' ? 'boolean' : type === 'text' ? 'string' : 'number'
  }
  if (levels[0]?.includes(node.name) === true) return 'boolean'
  return node.name === 'coalesce' && node.of[0] !== undefined ? typeOf(node.of[0], field) : 'number'
}

function computed(node: Node, field: Field): Cell {
  if (node.kind === 'value') return node.value
  if (node.kind === 'tag') return field.seen(node.device, node.tag)?.value ?? null
  const cells = node.of.map((each) => computed(each, field))
  if (node.name === 'coalesce') return cells.find((each) => each !== null) ?? null
  if (cells.includes(null)) return null
  const [a, b] = [Number(cells[0]), Number(cells[1] ?? 0)]
  const results: Record<string, Cell> = { '+': a + b, '-': a - b, '*': a * b, '/': a / b, '<': a < b, '>': a > b, '<=': a <= b, '>=': a >= b, '=': cells[0] === cells[1], '<>': cells[0] !== cells[1], round: Math.round(a * 10 ** b) / 10 ** b }
  return results[node.name] ?? null
}

const badQuality = (name: string, reason: string): Quality => ({ severity: 'bad', code: 0x80890000, name, reason })
const goodQuality: Quality = { severity: 'good', code: 0, name: 'Good', reason: 'good' }

/** What is wrong with a formula, or what it gives now. */
export function checkFormula({ device, formula, type }: FormulaCheckRequest, field: Field): FormulaCheck {
  const refused = (at: number, problem: string, remedy: string): FormulaCheck => {
    const finding: RuleFinding = { ...placeOf(formula, at), problem, remedy }
    return { findings: [finding], inputs: [], value: null, text: null }
  }
  try {
    const reader = new Reader(formula, device, field)
    const node = reader.whole()
    const wanted = type === 'bool' ? 'boolean' : type === 'text' ? 'string' : 'number'
    const gives = typeOf(node, field)
    if (gives !== wanted) {
      const own = gives === 'boolean' ? 'bool' : gives === 'string' ? 'text' : 'float64'
      return refused(0, `the formula gives ${own}, and the tag is of type ${type}`, `Choose the type ${own}, or cast what the formula gives.`)
    }
    return given(node, [...reader.tags.values()], field, type)
  } catch (error) {
    if (error instanceof Mistake) return refused(error.at, error.problem, error.remedy)
    throw error
  }
}

function given(node: Node, tags: { device: string; tag: string; mayBeBad: boolean }[], field: Field, type: string): FormulaCheck {
  const inputs = tags.flatMap(({ device, tag, mayBeBad }): FormulaInput[] => {
    const seen = field.seen(device, tag)
    return seen === undefined ? [] : [{ device, tag, value: seen.value, text: seen.text, unit: seen.unit, quality: seen.quality, may_be_bad: mayBeBad }]
  })
  const none = (reason: string): FormulaCheck => ({ findings: [], inputs, value: null, text: null, quality: badQuality('BadNoData', 'no data'), reason })
  const broken = inputs.find((input) => input.quality.severity === 'bad' && !input.may_be_bad)
  if (broken !== undefined) return none(`${broken.device}/${broken.tag} is bad`)
  const value = computed(node, field)
  if (value === null) return none('the formula gives NULL')
  if (typeof value === 'number' && !Number.isFinite(value)) return none('it is no finite number')
  const shown = typeof value === 'number' && type.startsWith('float') ? Number(value.toPrecision(6)) : value
  return { findings: [], inputs, value: shown, text: String(shown), quality: inputs.find((input) => input.quality.severity === 'uncertain')?.quality ?? goodQuality }
}
