import { expect, test } from 'vitest'
import { parse } from 'yaml'

import { located } from './alarmCheck'
import { namesIn, withoutItem } from './document'
import { channelField, channelIn, channelProblems, chosenBy, emptyChannel, emptyQuiet, emptyRoute, notifyIn, otherRouteKeys, routeField, routeIn, routeProblems, withChannel, withNotify, withRoute, type RouteForm } from './notifyForm'
import { fieldsOf, problemsOf } from './settings'

const text = `version: 1
notify:
  time_zone: Europe/Berlin # as the plant's clocks
  channels:
    # Whoever is on shift.
    - name: shift
      kind: email
      settings:
        server: mail.plant.example # the old one
        from: a@b
        to: [c@d]
    - { name: chat, kind: webhook, settings: { url: { secret: chat } } }
  routes:
    - name: boilers
      alarms: ["over*"]
      tags: ["boiler/*"]
      min_priority: high
      to: [shift]
      also: [cleared]
      after: 30s
      repeat: 15m
      escalate:
        - { after: 10m, to: [chat] } # wakes people
      quiet:
        - { days: [sat, sun], from: "00:00", to: "00:00" }
        - from: "22:00"
          to: "06:00"
          up_to: critical
      messages_per_hour_max: 20
      owner: anna
    - { name: all, to: [shift, chat] }
devices: []
`

const route = (name = 'boilers') => routeIn(text, name) ?? emptyRoute

test('channels and routes are read from the configuration', () => {
  expect(channelIn(text, 'shift')).toEqual({ name: 'shift', kind: 'email', description: '', settings: { server: 'mail.plant.example', from: 'a@b', to: ['c@d'] } })
  expect(channelIn(text, 'nobody')).toBeUndefined()
  expect(route()).toEqual({
    ...emptyRoute,
    name: 'boilers',
    alarms: 'over*',
    tags: ['boiler/*'],
    minPriority: 'high',
    to: ['shift'],
    cleared: true,
    after: '30s',
    repeat: '15m',
    escalate: [{ after: '10m', to: ['chat'] }],
    quiet: [{ days: ['sat', 'sun'], from: '00:00', to: '00:00', upTo: 'high' }, { ...emptyQuiet, upTo: 'critical' }],
    messagesMax: '20',
  })
  expect(route('all')).toEqual({ ...emptyRoute, name: 'all', to: ['shift', 'chat'] })
  expect(otherRouteKeys(text, 'boilers')).toEqual(['owner'])
  expect(notifyIn(text)).toEqual({ timeZone: 'Europe/Berlin', publicUrl: '' })
  expect(notifyIn('')).toEqual({ timeZone: '', publicUrl: '' })
})

test('only what differs is written: comments and unknown keys stay', () => {
  expect(parse(withRoute(text, route()))).toEqual(parse(text))
  const after = withRoute(text, { ...route(), repeat: '', minPriority: 'low', to: ['shift', 'chat'] })
  for (const kept of ['# wakes people', '# Whoever is on shift.', 'owner: anna', 'from: "22:00"', "# as the plant's clocks"]) expect(after).toContain(kept)
  const { repeat: _, min_priority: __, ...rest } = parse(text).notify.routes[0]
  expect(parse(after).notify.routes[0]).toEqual({ ...rest, to: ['shift', 'chat'] })
  const quiet = withRoute(text, { ...route(), quiet: [emptyQuiet] })
  expect(quiet).toContain('      quiet:\n        - { from: "22:00", to: "06:00" }\n')
  const channel = withChannel(text, { name: 'shift', kind: 'email', description: 'Day', settings: { server: 'mail.plant.example', from: 'x@y', to: ['c@d'] } })
  expect(channel).toContain('server: mail.plant.example # the old one\n        from: "x@y"\n')
  expect(channelIn(channel, 'shift')?.description).toBe('Day')
  expect(withNotify(text, { timeZone: 'UTC', publicUrl: 'https://press-1.plant.example' })).toContain("time_zone: UTC # as the plant's clocks\n")
})

test.each(['version: 1\n', 'version: 1\nnotify:\n', 'version: 1\nnotify: {}\n', 'version: 1\nnotify:\n  time_zone: UTC # local\n', 'version: 1\nnotify:\n  channels: []\n  routes: []\n', '', 'version: 1\nnotify:\n  channels:\n  routes:\ndevices: []\n'])('the first channel and route are added to %j', (before) => {
  const channel = { name: 'mail', kind: 'email', description: '', settings: { server: 'm', to: ['a@b'] } }
  const form: RouteForm = { ...emptyRoute, name: 'all', to: ['mail'], quiet: [{ ...emptyQuiet, days: ['mon'] }], escalate: [{ after: '5m', to: ['mail'] }] }
  const after = withRoute(withChannel(before, channel), form)
  expect(parse(after).notify).toMatchObject({ channels: [{ name: 'mail', kind: 'email', settings: channel.settings }], routes: [{ name: 'all', to: ['mail'], escalate: [{ after: '5m', to: ['mail'] }], quiet: [{ days: ['mon'], from: '22:00', to: '06:00' }] }] })
  expect(channelIn(after, 'mail')).toEqual(channel)
  expect(routeIn(after, 'all')).toEqual(form)
  if (before.includes('# local')) expect(after).toContain('time_zone: UTC # local')
  expect(parse(withNotify(before, { timeZone: 'UTC', publicUrl: '' })).notify.time_zone).toBe('UTC')
})

test('another channel and route come behind the last, and are taken out', () => {
  const after = withRoute(withChannel(text, { ...emptyChannel, name: 'third', kind: 'email', settings: { server: 'x' } }), { ...emptyRoute, name: 'night', to: ['third'] })
  expect(namesIn(after, 'notify.channels')).toEqual(['shift', 'chat', 'third'])
  expect(namesIn(after, 'notify.routes')).toEqual(['boilers', 'all', 'night'])
  expect(after.endsWith('devices: []\n')).toBe(true)
  const without = withoutItem(withoutItem(after, 'notify.channels', 'shift'), 'notify.routes', 'boilers')
  expect(without).not.toContain('Whoever is on shift')
  expect(namesIn(without, 'notify.channels')).toEqual(['chat', 'third'])
  const none = ['chat', 'third'].reduce((of, name) => withoutItem(of, 'notify.channels', name), without)
  expect(parse(none).notify.channels).toEqual([])
})

const problems = (form: Partial<RouteForm>) => Object.fromEntries(routeProblems({ ...emptyRoute, name: 'a', to: ['x'], ...form }, new Set(['taken'])))

test('what is wrong is said by field', () => {
  expect(problems({})).toEqual({})
  expect(problems({ name: 'taken', to: [] })).toMatchObject({ name: expect.stringContaining('already'), to: expect.stringContaining('channel') })
  expect(problems({ alarms: 'over*, boiler/x' })['alarms']).toMatch(/boiler\/x/)
  expect(problems({ tags: ['a/b/c'] })['tags.0']).toMatch(/device and its tag/)
  expect(problems({ repeat: '30s' })['repeat']).toMatch(/from 1m/)
  expect(problems({ after: '5m', escalate: [{ after: '5m', to: [] }, { after: '', to: ['x'] }] })).toMatchObject({ 'escalate.0.after': expect.stringContaining('later'), 'escalate.0.to': expect.stringContaining('channel'), 'escalate.1.after': expect.stringContaining('10m') })
  expect(problems({ quiet: [{ ...emptyQuiet, from: '24:00', days: [] }] })).toMatchObject({ 'quiet.0.from': expect.stringContaining('22:00'), 'quiet.0.days': expect.stringContaining('day') })
  expect(problems({ messagesMax: '361' })['messages_per_hour_max']).toMatch(/1 to 360/)
  expect([...channelProblems(emptyChannel, new Set()).keys()]).toEqual(['@name', '@kind'])
})

const at = (path: string) => ({ weight: 'error' as const, path, line: 1, column: 1, problem: 'odd', remedy: 'mend it' })

const found = (paths: string[], item: string, field: (key: string) => string) => [...located(paths.map((path) => at(`${item}.${path}`)), item, field).errors.keys()]

test('findings of the edge stand at the fields they belong to', () => {
  expect(found(['to[0]', 'alarms[1]', 'tags[1]', 'escalate[0].to[1]', 'escalate[0].after', 'quiet[1].from'], 'notify.routes[a]', routeField)).toEqual(['to', 'alarms', 'tags.1', 'escalate.0.to', 'escalate.0.after', 'quiet.1.from'])
  expect(found(['settings.server', 'settings.to[0]', 'name'], 'notify.channels[a]', channelField)).toEqual(['server', 'to.0', '@name'])
})

test('a route chooses alarms by name and priority', () => {
  const all = [{ name: 'overheated', priority: 'high' }, { name: 'lost', priority: 'low' }]
  expect(chosenBy(emptyRoute, all)).toEqual(['overheated', 'lost'])
  expect(chosenBy({ alarms: 'over*, x', minPriority: 'low' }, all)).toEqual(['overheated'])
  expect(chosenBy({ alarms: '', minPriority: 'medium' }, all)).toEqual(['overheated'])
})

test('a setting is text or a secret that holds it', () => {
  const [field] = fieldsOf({ type: 'object', required: ['url'], properties: { url: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/Secret' }], description: 'Where to send.' } }, $defs: { Secret: { type: 'object', required: ['secret'], properties: { secret: { type: 'string' } } } } })
  expect(field).toMatchObject({ kind: 'words', name: 'url', required: true, description: 'Where to send.' })
  if (field === undefined) return
  expect(problemsOf([field], { url: 'https://x' }).size).toBe(0)
  expect(problemsOf([field], { url: { secret: 'chat' } }).size).toBe(0)
  expect(problemsOf([field], { url: { secret: '' } }).get('url')).toMatch(/secret/)
  expect(problemsOf([field], {}).get('url')).toBe('This is needed.')
})
