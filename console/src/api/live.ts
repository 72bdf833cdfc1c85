/** The live stream: one connection per tab, reconnected for ever; the newest value of every tag in scope. */
import { queryClient, statusQuery } from './queries'
import type { LiveRead, LiveTag, Status } from './types'

export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  /** `since`: when the last message came, by the clock of this browser */
  | { state: 'lost'; since: number }

export interface LiveValue extends LiveTag {
  /** when it came, by this browser's clock: ages tick from there without trusting two clocks to agree */
  receivedAt: number
  /** counts changes of value or quality, for the flash */
  changes: number
}

interface GroupRead {
  time: string
  receivedAt: number | undefined
}

type Listener = () => void

/** The server pings every 15 s and sends status every 2 s; silence beyond this is a dead line. */
const silenceMaxMs = 10_000
const retryFirstMs = 500
const retryMaxMs = 8_000

class LiveStream {
  private source: EventSource | undefined
  /** as the query of the address */
  private scope: string | undefined
  private retryMs = retryFirstMs
  private retryTimer: number | undefined
  private silenceTimer: number | undefined
  private lastMessageAt = Date.now()
  private readonly values = new Map<string, LiveValue>()
  private readonly reads = new Map<string, GroupRead>()
  private readonly tagListeners = new Map<string, Set<Listener>>()
  private readonly connectionListeners = new Set<Listener>()
  connection: Connection = { state: 'connecting' }

  /** `undefined` closes; `''` is status only; otherwise a device, or single tags as `device/tag`. */
  watch(what: string | string[] | undefined) {
    const scope = Array.isArray(what) ? (what.length === 0 ? '' : `?tags=${encodeURIComponent(what.join(','))}`) : what === '' || what === undefined ? what : `?device=${encodeURIComponent(what)}`
    if (scope === this.scope) return
    this.scope = scope
    this.close()
    this.values.clear()
    this.reads.clear()
    if (scope !== undefined) this.open()
  }

  private open() {
    const scope = this.scope
    if (scope === undefined) return
    const source = new EventSource(`/api/v1/live${scope}`)
    this.source = source
    this.silence()
    source.addEventListener('open', () => {
      this.retryMs = retryFirstMs
      this.alive()
    })
    source.addEventListener('ping', () => this.alive())
    source.addEventListener('status', (event: MessageEvent<string>) => {
      this.alive()
      const status: Status = JSON.parse(event.data)
      queryClient.setQueryData(statusQuery.queryKey, status)
    })
    source.addEventListener('tags', (event: MessageEvent<string>) => {
      this.alive()
      const message: { tags: LiveTag[]; reads?: LiveRead[] } = JSON.parse(event.data)
      this.takeReads(message.reads ?? [])
      this.take(message.tags)
    })
    source.addEventListener('error', () => {
      if (this.source === source) this.lost()
    })
  }

  private take(tags: LiveTag[]) {
    const receivedAt = Date.now()
    for (const tag of tags) {
      const key = tagKey(tag.device, tag.name)
      const before = this.values.get(key)
      const changed = before !== undefined && (before.text !== tag.text || before.code !== tag.code)
      this.values.set(key, { ...tag, receivedAt, changes: (before?.changes ?? 0) + (changed ? 1 : 0) })
      for (const listener of this.tagListeners.get(key) ?? []) listener()
    }
  }

  /** The first time seen may be long past; a time that moves on is a read that was just made. */
  private takeReads(reads: LiveRead[]) {
    for (const read of reads) {
      const key = tagKey(read.device, read.group)
      const before = this.reads.get(key)
      if (before?.time === read.time) continue
      this.reads.set(key, { time: read.time, receivedAt: before === undefined ? undefined : Date.now() })
    }
  }

  private alive() {
    this.lastMessageAt = Date.now()
    this.silence()
    if (this.connection.state !== 'live') this.become({ state: 'live' })
  }

  private silence() {
    window.clearTimeout(this.silenceTimer)
    this.silenceTimer = window.setTimeout(() => this.lost(), silenceMaxMs)
  }

  private lost() {
    this.close()
    if (this.connection.state !== 'lost') this.become({ state: 'lost', since: this.lastMessageAt })
    // The stream cannot say why it was refused; an ended session shows in the answer to this.
    void queryClient.invalidateQueries({ queryKey: ['me'] })
    this.retryTimer = window.setTimeout(() => this.open(), this.retryMs)
    this.retryMs = Math.min(this.retryMs * 2, retryMaxMs)
  }

  private close() {
    window.clearTimeout(this.retryTimer)
    window.clearTimeout(this.silenceTimer)
    this.source?.close()
    this.source = undefined
  }

  private become(connection: Connection) {
    this.connection = connection
    for (const listener of this.connectionListeners) listener()
  }

  /** When the news of the group's last read came, by this browser's clock. */
  readAt(device: string, group: string): number | undefined {
    return this.reads.get(tagKey(device, group))?.receivedAt
  }

  value(key: string): LiveValue | undefined {
    return this.values.get(key)
  }

  onTag(key: string, listener: Listener): () => void {
    const listeners = this.tagListeners.get(key) ?? new Set()
    this.tagListeners.set(key, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.tagListeners.delete(key)
    }
  }

  onConnection(listener: Listener): () => void {
    this.connectionListeners.add(listener)
    return () => this.connectionListeners.delete(listener)
  }
}

export function tagKey(device: string, tag: string): string {
  return `${device}/${tag}`
}

export const live = new LiveStream()
