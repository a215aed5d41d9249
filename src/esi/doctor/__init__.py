"""Examines a deployment from outside, and says in sentences what is wrong with it, where, and what to do.

    finding      what is said: level, about what, which one, the sentence, the advice
    ward         what is examined: settings and the folder that they name
    examination  asks everything at the same time, each question for a bounded time
    paper        settings that contradict each other or tell secrets      machine   packages, disk, limits
    stores       etcd's members one by one, and the database              rooms     who leads, who works, who waits
    doors        the processes' own doors, the API, the agent, clouds

It changes nothing, and needs no room to run: it reads the settings that the processes read, and asks what they ask.
What it says holds no secret.
"""
