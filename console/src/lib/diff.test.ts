import { expect, test } from 'vitest'

import { lineDiff } from './diff'

const show = (before: string, after: string) =>
  lineDiff(before, after, 1).map((line) => ({ same: ' ', added: '+', removed: '-', skipped: '…' })[line.kind] + line.text)

const many = (letter: string) => Array.from({ length: 3_000 }, (_, index) => letter + index).join('\n')

test.each([
  ['a\nb\nc', 'a\nb\nc', ['…']],
  ['a\nb\nc\nd\ne', 'a\nb\nX\nd\ne', ['…', ' b', '-c', '+X', ' d', '…']],
  ['a\nb', 'a\nb\nc', ['…', ' b', '+c']],
  ['a\nb\nc', 'c', ['-a', '-b', ' c']],
  ['', 'a', ['-', '+a']],
])('%j to %j', (before, after, lines) => expect(show(before, after)).toEqual(lines))

test('very different large texts are still told', () => {
  expect(lineDiff(many('a'), many('b'))).toHaveLength(6_000)
})
