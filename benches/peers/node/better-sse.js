// better-sse: a channel for all sessions, and one for each user and each group, which goes with its last session.
//
// What a session's socket does not take is kept in memory, without a limit.

import { createChannel, createSession } from 'better-sse'
import { serve } from './serve.js'

const all = createChannel()
const channels = new Map([['all', all]])

function channel(target) {
  let channel = channels.get(target)
  if (channel === undefined) {
    channel = createChannel()
    channel.on('session-deregistered', () => {
      if (channel.sessionCount === 0) {
        channels.delete(target)
      }
    })
    channels.set(target, channel)
  }
  return channel
}

serve({
  async connect(request, response, { user, groups }) {
    const session = await createSession(request, response)
    all.register(session)
    if (user !== null) {
      channel(`user:${user}`).register(session)
    }
    groups.forEach((group) => channel(`group:${group}`).register(session))
  },
  send(target, data) {
    channels.get(target)?.broadcast(data)
  },
})
