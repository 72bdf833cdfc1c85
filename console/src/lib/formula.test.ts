import { expect, test } from 'vitest'

import { deviceIn } from './document'
import { emptyFormula, formulaIn, formulaProblems, tagInFormula, withFormula, type FormulaForm } from './formula'

const text = `devices:
  - name: boiler-1
    driver: sim
    groups:
      - name: fast # often
        interval: 1s
        tags:
          - { name: steam, address: "ramp:0..1", type: float64 }
          # of all fuel
          - { name: efficiency, formula: steam / fuel, type: float64, deadband: 0.5 } # mine
      - name: slow
        interval: 10s
        tags:
          - name: loss
            formula: |
              100
                - efficiency
            type: float64
`
const device = () => deviceIn(text, 'boiler-1') ?? { name: '' }
const form = (part: Partial<FormulaForm>): FormulaForm => ({ ...emptyFormula([{ name: 'fast' }]), name: 'twice', formula: 'steam * 2', ...part })

test('a formula of the document is a form; what has an address is none', () => {
  expect(formulaIn(device(), 'efficiency')).toEqual(form({ name: 'efficiency', formula: 'steam / fuel' }))
  expect(formulaIn(device(), 'loss')).toMatchObject({ group: 'slow', formula: '100\n  - efficiency' })
  expect(formulaIn(device(), 'steam')).toBeUndefined()
  expect(formulaIn(device(), 'nobody')).toBeUndefined()
})

test('a new one is added to a group of the device, or to a new one', () => {
  expect(withFormula(text, device(), '', form({ unit: ' % ' }))).toBe(text.replace(' # mine\n', ' # mine\n          - { name: twice, formula: "steam * 2", type: float64, unit: "%" }\n'))
  const made = withFormula(text, device(), '', form({ group: '', newGroup: 'hourly', interval: '1h' }))
  expect(made.startsWith(text)).toBe(true)
  expect(deviceIn(made, 'boiler-1')?.groups?.[2]).toEqual({ name: 'hourly', interval: '1h', tags: [{ name: 'twice', formula: 'steam * 2', type: 'float64' }] })
})

test('one that is there is changed where it stands, and keeps what the form does not know', () => {
  const changed = withFormula(text, device(), 'efficiency', form({ name: 'share', formula: 'steam / air' }))
  expect(changed).toBe(text.replace('{ name: efficiency, formula: steam / fuel,', '{ name: share, formula: steam / air,'))
})

test('in another group it is the same tag', () => {
  const moved = withFormula(text, device(), 'efficiency', form({ name: 'efficiency', formula: 'steam / fuel', group: 'slow' }))
  const groups = deviceIn(moved, 'boiler-1')?.groups
  expect(groups?.[0]?.tags.map((tag) => tag.name)).toEqual(['steam'])
  expect(groups?.[1]?.tags[1]).toEqual({ name: 'efficiency', formula: 'steam / fuel', type: 'float64', deadband: 0.5 })
})

test('what is wrong is said by field', () => {
  const groups = [{ name: 'fast' }]
  const wrong = (part: Partial<FormulaForm>) => [...formulaProblems(form(part), new Set(['steam']), groups).keys()]
  expect(wrong({})).toEqual([])
  expect(wrong({ name: 'steam', formula: ' ', unit: 'x'.repeat(65) })).toEqual(['formula', 'name', 'unit'])
  expect(wrong({ formula: `steam${' + steam'.repeat(600)}` })).toEqual(['formula'])
  expect(wrong({ group: '', newGroup: 'fast', interval: 'often' })).toEqual(['newGroup', 'interval'])
})

const named = (on: string, name: string) => tagInFormula('boiler-1', { device: on, name })

test('tags are named as SQL takes them', () => {
  expect([named('boiler-1', 'steam'), named('boiler-1', 'Drum-level'), named('boiler-1', 'on'), named('boiler-2', 'steam')]).toEqual(['steam', '"Drum-level"', '"on"', '"boiler-2/steam"'])
})
