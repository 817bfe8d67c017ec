// @boringnode/transmit: each client is subscribed to one channel for everybody, to its user's and to its groups'.
//
// What a client's socket does not take is kept in memory, without a limit.

import { randomUUID } from 'node:crypto'
import { Transmit } from '@boringnode/transmit'
import { serve } from './serve.js'

// No other servers, and as often a sign of life as the hub gives.
const transmit = new Transmit({ transport: null, pingInterval: 15_000 })

serve({
  async connect(request, response, { user, groups }) {
    const uid = randomUUID()
    transmit.createStream({ uid, context: { request, response }, request, response })
    const channels = ['all', ...groups.map((group) => `group:${group}`)]
    if (user !== null) {
      channels.push(`user:${user}`)
    }
    await Promise.all(channels.map((channel) => transmit.subscribe({ uid, channel, skipAuthorization: true })))
  },
  send(target, data) {
    transmit.broadcast(target, data)
  },
})
