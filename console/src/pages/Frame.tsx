/** The frame around every page: which edge, whether the picture is live, where to go, who is logged in. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useEffect, useLayoutEffect, useRef } from 'react'
import { NavLink, Outlet, useLocation, useMatch, useNavigate, useNavigation } from 'react-router'

import { api } from '../api/client'
import { live } from '../api/live'
import { meQuery, queryClient, statusQuery } from '../api/queries'
import { AlarmStrip } from '../components/AlarmStrip'
import { LiveMark } from '../components/LiveMark'
import { Logo } from '../components/Logo'
import { ThemeSwitch } from '../components/ThemeSwitch'
import { useConnection } from '../hooks/useLive'
import { useMe } from '../hooks/useMe'
import { paths } from '../paths'
import { Icon, type IconName } from '../ui/Icon'

interface Place {
  to: string
  name: string
  /** where the room is narrow */
  short?: string
  icon: IconName
  end: boolean
  /** pages that are reached by its tabs */
  also?: string[]
}

const places: Place[] = [
  { to: paths.overview, name: 'Overview', icon: 'overview', end: true },
  { to: paths.trends, name: 'Trends', icon: 'trend', end: false, also: [paths.sql, paths.storage, paths.ledger, paths.deadLetters] },
  { to: paths.config, name: 'Configuration', short: 'Config', icon: 'config', end: false },
  { to: paths.rules, name: 'Rules', icon: 'rule', end: false },
  { to: paths.alarms, name: 'Alarms', icon: 'bell', end: false },
  { to: paths.events, name: 'Events', icon: 'clock', end: false },
  { to: paths.settings, name: 'Settings', icon: 'settings', end: false },
]

export function Frame() {
  const me = useMe()
  // Kept in view, so that an ended session is noticed.
  useQuery(meQuery)
  const alarms = useQuery({ ...statusQuery, select: (status) => status.alarms }).data
  const unacknowledged = alarms?.unacknowledged ?? 0
  const navigate = useNavigate()
  const navigation = useNavigation()
  const connection = useConnection()
  const device = useMatch('/devices/:device')?.params.device
  const { pathname } = useLocation()
  const watches = device !== undefined || pathname === paths.trends
  const main = useRef<HTMLElement>(null)
  useFocusOnPage(main)

  // Pages with live values ask for them: a device's own once the edge has said that there is such a device.
  useEffect(() => {
    if (!watches) live.watch('')
  }, [watches])
  useEffect(() => () => live.watch(undefined), [])

  const logout = useMutation({
    mutationFn: api.logout,
    onSettled: async () => {
      live.watch(undefined)
      queryClient.clear()
      await navigate(paths.login)
    },
  })

  return (
    <div className={`frame ${connection.state === 'lost' ? 'not-live' : ''} ${unacknowledged > 0 ? 'with-strip' : ''}`}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="bar">
        <NavLink className="brand" to={paths.overview} end>
          <Logo />
          <span className="brand-name">{me.edge}</span>
        </NavLink>
        <nav className="places" aria-label="Main">
          {places.map((place) => (
            <NavLink key={place.to} to={place.to} end={place.end} className={({ isActive }) => (isActive || place.also?.includes(pathname) === true ? 'active' : '')}>
              <Icon name={place.icon} />
              <span className={place.short === undefined ? undefined : 'place-long'}>{place.name}</span>
              {place.short !== undefined && (
                <span className="place-short" aria-hidden="true">
                  {place.short}
                </span>
              )}
              {place.to === paths.alarms && unacknowledged > 0 && (
                <span className="place-count">
                  {unacknowledged > 99 ? '99+' : unacknowledged}
                  <span className="visually-hidden"> not acknowledged</span>
                </span>
              )}
            </NavLink>
          ))}
        </nav>
        <div className="bar-end">
          <LiveMark />
          <ThemeSwitch compact />
          <span className="who">
            <strong>{me.username}</strong>
            <span>{me.role}</span>
          </span>
          <button
            type="button"
            className="button quiet icon-only logout"
            aria-label="Log out"
            title="Log out"
            onClick={() => logout.mutate()}
          >
            <Icon name="logout" />
          </button>
        </div>
        {navigation.state === 'loading' && <div className="loading-line" role="progressbar" aria-label="Loading" />}
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      <AlarmStrip counts={alarms} />
    </div>
  )
}

/** After a change of page the focus goes to its start, as it would after loading a document. */
function useFocusOnPage(main: React.RefObject<HTMLElement | null>) {
  const { pathname } = useLocation()
  const last = useRef(pathname)
  useLayoutEffect(() => {
    if (last.current === pathname) return
    last.current = pathname
    main.current?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }, [main, pathname])
}
