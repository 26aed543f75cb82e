<?php
send_file(dirname(__DIR__, 2) . '/files/' . $_GET['file']);
