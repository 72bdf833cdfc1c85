/** The mock's notifications, of the channels and routes that are configured: one channel delivers, one fails while the faults last, one was never used. A test by
 * the failing one is refused, and one by `pager` is taken for one of two. */
import type { Notify, NotifyChannel, NotifyRoute, NotifyTest } from '../src/api/notify'
import { namesIn } from '../src/lib/document'
import { channelIn, notifyIn, routeIn } from '../src/lib/notifyForm'
import { Refused, ago, type Route } from './call'
import { durationMs } from './config'
import type { MockEdge } from './edge'

const rest = { description: null, last_success: null, last_failure: null, failing_since: null, delivered: 0, refused: 0, given_up: 0, waiting_messages: 0, waiting_alarms: 0 }

function knownChannels(troubled: boolean): NotifyChannel[] {
  const cause = 'cannot connect to the mail server at mail.plant.example:587: connection refused (os error 111)'
  const failing = { state: 'failing' as const, last_failure: { at: ago(40_000), cause }, failing_since: ago(2_400_000), waiting_messages: 1, waiting_alarms: 6 }
  return [
    { ...rest, name: 'shift-mail', kind: 'email', description: 'Whoever is on shift', recipients: ['shift@plant.example', 'control-room@plant.example'], state: 'delivering', last_success: ago(95_000), delivered: 412, refused: 2, last_failure: { at: ago(90_000_000), cause: 'the mail server at mail.plant.example:587 refuses old@plant.example: 550 5.1.1 no such user' } },
    { ...rest, name: 'chief-mail', kind: 'email', recipients: ['chief@plant.example'], last_success: ago(86_400_000), delivered: 9, ...(troubled ? failing : { state: 'delivering' as const }) },
    { ...rest, name: 'pager', kind: 'webhook', recipients: ['webhook'], state: 'unused' },
  ]
}

function knownRoutes(troubled: boolean): NotifyRoute[] {
  return [
    {
      name: 'boilers',
      description: 'Boilers are looked after day and night',
      min_priority: 'high',
      levels: [
        { after_ms: 30_000, to: ['shift-mail'] },
        { after_ms: 600_000, to: ['chief-mail', 'pager'] },
      ],
      repeat_ms: 900_000,
      cleared: true,
      acknowledged: true,
      messages_per_hour_max: 20,
      quiet_up_to: null,
      open: troubled ? 2 : 0,
      waiting: troubled ? 6 : 0,
    },
    { name: 'rest', description: null, min_priority: 'low', levels: [{ after_ms: 0, to: ['shift-mail'] }], repeat_ms: null, cleared: false, acknowledged: false, messages_per_hour_max: 60, quiet_up_to: 'high', open: 0, waiting: 0 },
  ]
}

function channels(text: string, troubled: boolean): NotifyChannel[] {
  const known = knownChannels(troubled)
  return namesIn(text, 'notify.channels').map((name) => {
    const form = channelIn(text, name)
    const to: unknown = form?.settings['to']
    const recipients = Array.isArray(to) ? to.map(String) : ['webhook']
    const { kind = '?', description = '' } = form ?? {}
    return { ...rest, state: 'unused', ...known.find((each) => each.name === name), name, kind, description: description === '' ? null : description, recipients }
  })
}

function routes(text: string, troubled: boolean): NotifyRoute[] {
  const known = knownRoutes(troubled)
  return namesIn(text, 'notify.routes').flatMap((name): NotifyRoute[] => {
    const form = routeIn(text, name)
    if (form === undefined || !form.enabled) return []
    const ms = (written: string) => durationMs(written) ?? 0
    const levels = [{ after_ms: ms(form.after), to: form.to }, ...form.escalate.map((level) => ({ after_ms: ms(level.after), to: level.to }))]
    const state = known.find((each) => each.name === name)
    return [{ name, description: form.description === '' ? null : form.description, min_priority: form.minPriority, levels, repeat_ms: form.repeat === '' ? null : ms(form.repeat), cleared: form.cleared, acknowledged: form.acknowledged, messages_per_hour_max: Number(form.messagesMax || 60), quiet_up_to: state?.quiet_up_to ?? null, open: state?.open ?? 0, waiting: state?.waiting ?? 0 }]
  })
}

function test(name: string, all: NotifyChannel[]): NotifyTest {
  const found = all.find((channel) => channel.name === name)
  if (found === undefined) throw new Refused(404, 'not_found', `there is no channel ${name}`, 'look at the list of channels; `notify.channels` of the configuration has them')
  const answers = found.recipients.map((recipient) =>
    found.state === 'failing'
      ? { recipient, ok: false, answer: found.last_failure?.cause ?? '' }
      : recipient.startsWith('control-room')
        ? { recipient, ok: false, answer: 'the mail server at mail.plant.example:587 refuses control-room@plant.example: 550 5.1.1 no such user here' }
        : { recipient, ok: true, answer: found.kind === 'email' ? '250 2.0.0 Ok: queued as 4F1B2C' : '200 OK: {"ok":true}' },
  )
  return { ok: answers.every((answer) => answer.ok), answers }
}

export function notifyRoutes(edge: MockEdge, running: () => string): Route[] {
  const troubled = () => edge.scenario === 'faults'
  const all = (): Notify => {
    const zone = notifyIn(running()).timeZone
    return { time_zone: zone === '' ? 'UTC' : zone, channels: channels(running(), troubled()), routes: routes(running(), troubled()) }
  }
  return [
    [/^GET \/notify$/, 'viewer', all],
    [/^POST \/notify\/channels\/([^/]+)\/test$/, 'operator', ({ part }) => test(part(1), channels(running(), troubled()))],
  ]
}
