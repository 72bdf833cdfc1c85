/** The head of a page below the notifications. */
import type { ReactNode } from 'react'

import { PageHead } from '../../components/PageHead'
import { paths } from '../../paths'

export function NotifyHead({ title, children }: { title: string; children?: ReactNode }) {
  return <PageHead above={[[paths.alarms, 'Alarms'], [paths.notify, 'Notifications']]} title={title} lead={children} />
}
