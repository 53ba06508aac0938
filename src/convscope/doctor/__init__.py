"""The doctor: reads every file of a folder before a training does, and says what is the matter with it.

::

    folder ──► walking ──► examining (each file, in parallel: decoded to its end, hashed) ──► checkup (near)
                                                                                                 │ findings
               quarantine (manifest, moving): problems go beside the folder, and back     ◄──────┤
               report: JSON;   page (charts, thumbs): one HTML file                       ◄──────┘

Only :func:`isolate` and :func:`restore` change anything, and they delete and overwrite nothing.
"""

from convscope.doctor.checkup import Checkup as Checkup
from convscope.doctor.checkup import JfifTest as JfifTest
from convscope.doctor.checkup import Same as Same
from convscope.doctor.checkup import check_folder as check_folder
from convscope.doctor.findings import KINDS as KINDS
from convscope.doctor.findings import Finding as Finding
from convscope.doctor.findings import Level as Level
from convscope.doctor.quarantine import Outcome as Outcome
from convscope.doctor.quarantine import isolate as isolate
from convscope.doctor.quarantine import quarantine_of as quarantine_of
from convscope.doctor.quarantine import restore as restore
