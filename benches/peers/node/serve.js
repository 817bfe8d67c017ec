// What the peers on Node.js share, so that they differ only in how they bring an event to its receivers.
//
// Each is started with the IP address and the port to listen on, and prints `listening on http://ADDRESS` when it
// accepts connections. It serves with one thread.
//
// `peer.connect(request, response, { user, groups })` opens a stream, and `peer.send(target, data)` sends an event to
// `all`, `user:ID` or `group:NAME`.

import { createServer } from 'node:http'
import { publish, Refused } from './publish.js'

export function serve(peer) {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    route(peer, request, response, pathname, searchParams).catch((error) => {
      const status = error instanceof Refused ? error.status : 500
      response.writeHead(status, { 'content-type': 'text/plain' }).end(error.message)
    })
  })
  const [host, port] = process.argv.slice(2)
  server.listen({ host, port }, () => {
    const { address, port } = server.address()
    console.log(`listening on http://${address}:${port}`)
  })
}

async function route(peer, request, response, path, query) {
  if (request.method === 'GET' && path === '/events') {
    await peer.connect(request, response, { user: query.get('user'), groups: query.getAll('group') })
  } else if (request.method === 'POST' && path === '/publish') {
    const answer = await publish(query, peer.send)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  } else {
    throw new Refused(404, 'only GET /events and POST /publish are here')
  }
}
