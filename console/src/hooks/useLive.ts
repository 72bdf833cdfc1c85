/** Components' view of the live stream. */
import { useCallback, useSyncExternalStore } from 'react'

import { live, tagKey, type Connection, type LiveValue } from '../api/live'

const subscribeConnection = (listener: () => void) => live.onConnection(listener)
const getConnection = () => live.connection

export function useConnection(): Connection {
  return useSyncExternalStore(subscribeConnection, getConnection)
}

/** When the news of the group's last read came. Looked at with every tick of an age, so not subscribed to. */
export function readAt(device: string, group: string): number | undefined {
  return live.readAt(device, group)
}

export function useLiveValue(device: string, tag: string): LiveValue | undefined {
  const key = tagKey(device, tag)
  const subscribe = useCallback((listener: () => void) => live.onTag(key, listener), [key])
  const get = useCallback(() => live.value(key), [key])
  return useSyncExternalStore(subscribe, get)
}
