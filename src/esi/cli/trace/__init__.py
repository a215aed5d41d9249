"""`esi trace`: what one request set in motion, as a sequence diagram, every message, and what came of it.

The API answers with a document (`GET /esi/trace/<schema>/<id>`); everything here is made from it by pure functions:

    document   JSON → Trace: offsets instead of times, readable text only, secrets masked once more
    stored     what `gohan client` shows now of the resources that it touched
    arrows     Trace → rows of the diagram, equal ones in a row folded
    diagram    rows → lifelines and arrows in text         chapters   Trace → messages by where they went
    printed    any value → lines of coloured words         changes    Trace → the table of changes
    text       all of it for a terminal                    page       all of it as one HTML file (page.html.j2)

`command` is the only file that asks the API or writes anything.
"""
